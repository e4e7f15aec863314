"""A web server for the tests' small internet: files of a folder, and git repositories.

    python web.py FOLDER PORT [CERTIFICATE KEY]

FOLDER/git/<name>.git is served by git http-backend, below /git to everybody and below /private
to ann, FOLDER/<host>/... by the Host header, and
FOLDER/any/... to everybody; /moved, /away and /endless do what they say. Each request is noted
in FOLDER/access.log.
"""

import base64
import http.server
import mimetypes
import os
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOGIN = "Basic " + base64.b64encode(b"ann:let-me-in").decode()
BACKEND = "/usr/lib/git-core/git-http-backend"


class Handler(http.server.BaseHTTPRequestHandler):
    root = Path()
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        host = (self.headers.get("Host") or "").partition(":")[0]
        with (self.root / "access.log").open("a") as file:
            file.write(f"{host} {self.command} {self.path}\n")
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/git/"):
            self.git(path.removeprefix("/git"))
        elif path.startswith("/private/"):
            self.private(path.removeprefix("/private"))
        elif path.startswith("/hangs/"):
            time.sleep(600)
        elif path.startswith("/moved/"):
            self.reply(302, b"", Location=path.removeprefix("/moved"))
        elif path.startswith("/away/"):
            query = urlsplit(self.path).query
            self.reply(302, b"", Location=path.removeprefix("/away/") + f"?{query}" * bool(query))
        elif path.startswith("/endless/"):
            self.endless()
        else:
            self.file(host, path.strip("/"))

    def endless(self) -> None:
        """What begins like a zip and has no end, as long as somebody reads it."""
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        try:
            self.wfile.write(b"PK\x03\x04")
            while True:
                self.wfile.write(os.urandom(1 << 20))
        except OSError:
            return

    def file(self, host: str, path: str) -> None:
        for place in (self.root / host / path, self.root / "any" / path):
            if place.is_file():
                kind = mimetypes.guess_type(place)[0] or "text/html"
                self.reply(200, place.read_bytes(), **{"Content-Type": kind})
                return
        self.reply(404, b"not found\n")

    def git(self, path: str) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_PROJECT_ROOT": str(self.root / "git"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": path,
            "QUERY_STRING": urlsplit(self.path).query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(size),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        body = self.rfile.read(size)
        done = subprocess.run([BACKEND], input=body, env=environment, capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        status = int(fields.pop("Status", "200 OK").split()[0])
        self.reply(status, content, **fields)

    def private(self, path: str) -> None:
        """A repository for whoever has the login; which one came is noted."""
        with (self.root / "logins.log").open("a") as file:
            login = self.headers.get("Authorization") or ""
            file.write(f"{self.headers.get('Host')}\t{login}\n")
        if login == LOGIN:
            self.git(path)
        else:
            self.reply(401, b"who are you?\n", **{"WWW-Authenticate": 'Basic realm="git"'})

    def reply(self, status: int, body: bytes, **fields: str) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """The access log is all that is wanted."""


def main(folder: str, port: str, *tls: str) -> None:
    Handler.root = Path(folder)
    server = http.server.ThreadingHTTPServer(("0.0.0.0", int(port)), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
