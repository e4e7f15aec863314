"""A real nginx of our own, real apps behind it, and ways to ask it."""

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import requests

from paas.command import Runner
from paas.model.certificate import Certificate
from paas.model.route import Route, RouteState
from paas.proxy.proxy import Proxy
from paas.settings import Settings
from tests.proxy.upstream import Upstream


@dataclass
class Shelf:
    """Where the proxy finds what routes refer to; the store has this place in a platform."""

    certificates: dict[str, Certificate] = field(default_factory=dict)
    pages: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def add(self, certificate: Certificate) -> str:
        self.certificates[certificate.digest] = certificate
        return certificate.digest

    def pem(self, digest: str) -> str | None:
        found = self.certificates.get(digest)
        return found.pem if found else None


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def proxy(settings: Settings, shelf: Shelf) -> Iterator[Proxy]:
    made = Proxy(settings, Runner(), shelf.pem, shelf.pages.get)
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
        return self.session.get(url, headers=headers, timeout=60, **options)  # type: ignore[arg-type]

    def secure(
        self,
        port: int,
        host: str,
        path: str = "/",
        trust: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> http.client.HTTPResponse:
        """The answer over TLS, the name asked for in the handshake; trust: who is believed."""
        context = ssl.create_default_context(cadata=trust)
        if trust is None:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", port), timeout=60)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.sock = context.wrap_socket(plain, server_hostname=host)
        connection.request("GET", path, headers={"Host": host, **(headers or {})})
        return connection.getresponse()

    def send(self, raw: bytes) -> bytes:
        """What comes back for raw bytes on a connection of their own, until it is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
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
