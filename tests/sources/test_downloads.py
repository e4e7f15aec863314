"""Archives from servers that are slow, silent, endless or lying."""

import base64
import contextlib
import http.server
import itertools
import threading
import time

import pytest

from tests.sources.test_archives import FILES, tar_of

TAR = tar_of(FILES)


SEEN: list[tuple[str, str | None]] = []


class Odd(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        SEEN.append((self.path, self.headers.get("Authorization")))
        with contextlib.suppress(OSError):
            self.do()

    def do(self) -> None:
        getattr(self, self.path.strip("/").partition("/")[0])()

    def head(self, status: int = 200, **fields: str) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()

    def whole(self) -> None:
        self.head()
        self.wfile.write(TAR)

    def silent(self) -> None:
        self.rfile.read(1)  # there is nothing until the other end has left

    def stops(self) -> None:
        self.head()
        self.wfile.write(TAR[:600])
        self.wfile.flush()
        self.silent()

    def trickles(self) -> None:
        self.head()
        for byte in itertools.cycle(TAR[:40]):
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.1)

    def short(self) -> None:
        self.head(**{"Content-Length": str(len(TAR) * 2)})
        self.wfile.write(TAR[:1000])

    def endless(self) -> None:
        self.head()
        self.wfile.write(b"PK\x03\x04")
        while True:
            self.wfile.write(bytes(1 << 20))

    def private(self) -> None:
        self.head(401 if not self.headers.get("Authorization") else 302, Location="/whole")

    def log_message(self, *_words: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def server():
    Odd.protocol_version = "HTTP/1.0"
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


WORDS = {
    "silent": ("nothing came for 1 s", {"SILENCE_S": 1}),
    "stops": ("nothing came for 1 s", {"SILENCE_S": 1}),
    "trickles": ("comes too slowly", {"WINDOW_S": 1}),
    "short": ("ended early", {}),
    "endless": ("larger than 8 MiB", {}),
    "private": ("the server answers 401", {}),
}


@pytest.mark.parametrize("what", WORDS)
def test_a_server_that_does_not_deliver_is_told_and_left(reader, server, what):
    words, near = WORDS[what]
    assert words in reader.refusal(b"", url=f"{server}/{what}", near=near)


def test_a_login_goes_to_its_host_and_not_along_with_a_redirect(reader, server):
    login = {"host": "127.0.0.1", "username": "ann", "password": "secret"}
    found = reader.archive(b"", url=f"{server}/private", login=login, near={})
    assert "run.sh" in reader.files(found["commit"])
    pair = base64.b64encode(b"ann:secret").decode()
    assert SEEN[-2:] == [("/private", f"Basic {pair}"), ("/whole", None)]


def test_what_is_near_is_not_asked(reader, server):
    assert "leads to 127.0.0.1" in reader.refusal(b"", url=f"{server}/whole")
