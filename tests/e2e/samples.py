"""Small apps that need no package: what most end-to-end tests push."""

SERVER = """
import http.server, os, sys, time, threading

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = answer(self.path).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *values):
        print("request", self.path, flush=True)

def answer(path):
    if path.startswith("/env/"):
        return os.environ.get(path[5:], "(unset)")
    if path.startswith("/slow"):
        time.sleep(2)
    if path.startswith("/eat"):
        threading.Thread(target=lambda: bytearray(os.urandom(1 << 20) * 512)).start()
    if path.startswith("/die"):
        os._exit(3)
    return open("page.txt").read() if os.path.exists("page.txt") else "hello"

http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""

PLAIN = {"server.py": SERVER, "Procfile": "web: python3 server.py\n"}
TICKER = """\
import time, itertools
for n in itertools.count():
    print("tick", n, flush=True)
    time.sleep(0.2)
"""
WITH_WORKER = {
    **PLAIN,
    "ticker.py": TICKER,
    "Procfile": "web: python3 server.py\nworker: python3 ticker.py\n",
}
