"""One of many small apps: every answer begins with the app's name. Needs no grace to end."""

import os
import socketserver

TEXT = f"{os.environ['PAAS_APP']} {os.environ['PAAS_RELEASE']}"


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(TEXT)}\r\n\r\n"
            self.wfile.write((head + TEXT).encode())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    Server(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
