"""A real nginx of our own, real apps behind it, and ways to ask it."""

import socket
from collections.abc import Callable, Iterator

import pytest
import requests

from paas.command import Runner
from paas.model.route import Route, RouteState
from paas.proxy.proxy import Proxy
from paas.settings import Settings
from tests.proxy.upstream import Upstream


@pytest.fixture
def proxy(settings: Settings) -> Iterator[Proxy]:
    made = Proxy(settings, Runner())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def upstream() -> Iterator[Callable[..., Upstream]]:
    """Makes apps; the first is at 127.0.0.2, the next at 127.0.0.3, ..."""
    made: list[Upstream] = []

    def make(name: str = "app") -> Upstream:
        made.append(Upstream(name, f"127.0.0.{len(made) + 2}"))
        return made[-1]

    yield make
    for each in made:
        each.close()


class Visitor:
    """Asks the proxy as a browser would, by any host name."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.session = requests.Session()

    def get(self, host: str, path: str = "/", **options: object) -> requests.Response:
        headers = {"Host": host, **options.pop("headers", {})}  # type: ignore[dict-item]
        url = f"http://127.0.0.1:{self.port}{path}"
        return self.session.get(url, headers=headers, timeout=20, **options)  # type: ignore[arg-type]

    def send(self, raw: bytes) -> bytes:
        """What comes back for raw bytes on a connection of their own, until it is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(raw)
            received = b""
            try:
                while part := connection.recv(65536):
                    received += part
            except ConnectionResetError:
                pass
            return received


@pytest.fixture
def visitor(settings: Settings) -> Visitor:
    return Visitor(settings.http_port)


def serving(app: str, *upstreams: Upstream, domains: tuple[str, ...] = ()) -> Route:
    peers = tuple(each.peer for each in upstreams)
    return Route(app, domains or (f"{app}.test",), peers, RouteState.SERVING)
