"""Receivers of logs that tests start: a real rsyslogd, a server of HTTP, one of TLS."""

import http.server
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paas.model.certificate import self_signed

RSYSLOG = """
global(workDirectory="{root}" maxMessageSize="16k")
module(load="imtcp") input(type="imtcp" address="{address}" port="{port}")
module(load="imudp") input(type="imudp" address="{address}" port="{port}")
template(name="fields" type="string"
  string="%pri% %timestamp:::date-rfc3339% %hostname% %app-name% %procid%|%msg%\\n")
action(type="omfile" file="{root}/received" template="fields")
"""


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Rsyslog:
    """rsyslogd with a configuration of its own, at one address for UDP and TCP."""

    def __init__(self, root: Path, port: int, address: str = "127.0.0.1") -> None:
        self.root, self.port, self.address = root, port, address
        root.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = self.root / "rsyslog.conf"
        config.write_text(RSYSLOG.format(root=self.root, port=self.port, address=self.address))
        argv = ["rsyslogd", "-n", "-f", config, "-i", self.root / "pid"]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        until(self._listens)

    def _listens(self) -> bool:
        datagrams = f":{self.port:04X} " in Path("/proc/net/udp").read_text()
        with socket.socket() as probe:
            return datagrams and probe.connect_ex((self.address, self.port)) == 0

    def stop(self) -> None:
        """It writes what it has, and ends."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=30)
            self.process = None

    def received(self) -> list[tuple[list[str], str]]:
        """Fields of the head, and text, of every message so far that was written whole."""
        path = self.root / "received"
        text = path.read_text(errors="replace") if path.exists() else ""
        lines = text.rpartition("\n")[0].splitlines()
        return [(head.split(), text) for head, _, text in (one.partition("|") for one in lines)]

    def texts(self) -> list[str]:
        return [text for _, text in self.received()]


class Collector:
    """A server of HTTP that remembers what was posted; answers says with which status."""

    def __init__(self) -> None:
        self.posted: list[tuple[dict[str, str], str, bytes]] = []
        self.answers: Callable[[bytes], int] = lambda _: 204
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = collector.answers(body)
                if status < 300:
                    collector.posted.append((dict(self.headers), self.path, body))
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def objects(self) -> list[dict[str, str]]:
        return [json.loads(one) for _, _, body in self.posted for one in body.splitlines()]

    def texts(self) -> list[str]:
        return [one["text"] for one in self.objects()]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def tls_receiver(root: Path) -> Iterator[tuple[int, Path, bytearray]]:
    """A port that takes TLS by the name localhost; its certificate, and what came."""
    made = self_signed(["localhost"])
    both = root / "both.pem"
    both.write_text(made.chain + made.key)
    trusted = root / "trusted.pem"
    trusted.write_text(made.chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    came = bytearray()

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain = listener.accept()[0]
                # who does not trust it hangs up
                with suppress(OSError), context.wrap_socket(plain, server_side=True) as one:
                    while data := one.recv(65536):
                        came.extend(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], trusted, came
        listener.shutdown(socket.SHUT_RDWR)
