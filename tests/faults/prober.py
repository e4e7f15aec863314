"""Somebody who keeps asking: every answer must come, from the right app, without retries."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

TIMEOUT_S = 30.0


@dataclass
class Prober:
    """Asks each host every pause_s seconds on a new connection, from a thread of its own."""

    port: int
    hosts: Mapping[str, str]  # a domain, and the name the app there answers with
    pause_s: float = 0.02
    failures: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._threads = [
            threading.Thread(target=self._run, args=pair, daemon=True)
            for pair in self.hosts.items()
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def take_failures(self) -> list[str]:
        """What went wrong since the last time."""
        taken, self.failures = self.failures, []
        return taken

    def _run(self, host: str, app: str) -> None:
        while not self._stopped.wait(self.pause_s):
            began = time.monotonic()
            problem = self._problem(host, app)
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            self.answers[app] += 1
            if problem:
                self.failures.append(f"{app}: {problem}")

    def _problem(self, host: str, app: str) -> str:
        try:
            status, body = fetch(self.port, host)
        except OSError as error:
            return f"{type(error).__name__} {error}"
        if status != 200:
            return f"status {status}"
        return "" if body.split(" ")[0] == app else f"answered by {body[:60]!r}"


def fetch(port: int, host: str) -> tuple[int, str]:
    """One GET on a connection of its own; status and body. Raises OSError when cut short."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        data = b""
        while part := connection.recv(65536):
            data += part
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        raise ConnectionError(f"cut short after {len(data)} bytes")
    return int(head.split(b" ")[1]), body.decode(errors="replace")
