"""TLS: each app shows its own certificate for its own names, and nobody else's."""

import http.client
import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest

from paas.model.certificate import Certificate, self_signed
from paas.model.ports import PortMapping
from paas.model.route import Route
from paas.proxy.proxy import Proxy
from paas.settings import Settings
from tests.conftest import free_port
from tests.proxy.conftest import Shelf, Visitor, serving
from tests.proxy.upstream import Upstream

Apps = Callable[..., Upstream]
HSTS = "max-age=15724800; includeSubDomains"


def secured(route: Route, digest: str) -> Route:
    """As deploy/route makes it for an app with a certificate."""
    return replace(route, certificate=digest, upgrade=True, hsts=HSTS)


@pytest.fixture
def certificate() -> Certificate:
    return self_signed(["blog.test", "*.shop.test"])


@pytest.fixture
def blog(proxy: Proxy, upstream: Apps, shelf: Shelf, certificate: Certificate) -> Route:
    """An app with a certificate."""
    route = secured(serving("blog", upstream("blog")), shelf.add(certificate))
    proxy.publish(route)
    return route


def refused(port: int, name: str | None) -> str:
    """What a handshake that asks for a name is refused with."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        pytest.raises(ssl.SSLError) as raised,
    ):
        context.wrap_socket(plain, server_hostname=name)
    return str(raised.value)


@pytest.mark.usefixtures("blog")
def test_a_browser_that_trusts_the_certificate_reaches_the_app(
    visitor: Visitor, settings: Settings, certificate: Certificate
) -> None:
    answer = visitor.secure(settings.https_port, "blog.test", trust=certificate.chain)
    assert (answer.status, answer.read()) == (200, b"blog")
    assert answer.headers["Strict-Transport-Security"] == HSTS


@pytest.mark.usefixtures("blog")
def test_plain_requests_are_sent_to_https_with_their_path(
    visitor: Visitor, settings: Settings
) -> None:
    answer = visitor.get("blog.test", "/a/b?c=%20d", allow_redirects=False)
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"https://blog.test:{settings.https_port}/a/b?c=%20d"
    assert "Strict-Transport-Security" not in answer.headers


def test_a_name_nobody_has_and_no_name_are_refused(
    blog: Route, proxy: Proxy, upstream: Apps, settings: Settings
) -> None:
    assert "alert" in refused(settings.https_port, "other.test")
    assert "alert" in refused(settings.https_port, None)
    proxy.publish(serving("plain", upstream("plain")))
    assert "alert" in refused(settings.https_port, "plain.test")


def test_each_app_shows_its_own(
    blog: Route, proxy: Proxy, upstream: Apps, visitor: Visitor, shelf: Shelf, settings: Settings
) -> None:
    own = self_signed(["shop.test"])
    proxy.publish(secured(serving("shop", upstream("shop")), shelf.add(own)))
    shop = visitor.secure(settings.https_port, "shop.test", trust=own.chain)
    assert shop.read() == b"shop"
    with pytest.raises(ssl.SSLCertVerificationError):
        visitor.secure(settings.https_port, "blog.test", trust=own.chain)


def test_a_new_certificate_is_shown_at_once_and_without_a_reload(
    blog: Route, proxy: Proxy, visitor: Visitor, shelf: Shelf, settings: Settings
) -> None:
    workers = worker_ids(proxy)
    renewed = self_signed(["blog.test"])
    proxy.publish(replace(blog, certificate=shelf.add(renewed)))
    assert visitor.secure(settings.https_port, "blog.test", trust=renewed.chain).status == 200
    assert worker_ids(proxy) == workers
    kept = [path.stem for path in (settings.state_dir / "proxy/certificates").iterdir()]
    assert sorted(kept) == sorted(["nobody", renewed.digest])


def worker_ids(proxy: Proxy) -> set[str]:
    done = subprocess.run(
        ["pgrep", "-P", str(proxy._nginx.pid())], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_each_port_has_its_own_port_of_the_containers(
    blog: Route, proxy: Proxy, visitor: Visitor, settings: Settings, certificate: Certificate
) -> None:
    secure, extra = Upstream("secure", blog.peers[0].host), free_port()
    ports = (
        PortMapping("http", 80, 0),
        PortMapping("https", 443, secure.peer.port),
        PortMapping("https", extra, 0),
    )
    proxy.publish(replace(blog, ports=ports))
    for port, name in ((settings.https_port, b"secure"), (extra, b"blog")):
        answer = visitor.secure(port, "blog.test", trust=certificate.chain)
        assert (answer.status, answer.read()) == (200, name)
    answer = visitor.get("blog.test", allow_redirects=False)
    assert answer.headers["Location"] == f"https://blog.test:{settings.https_port}/"
    secure.close()


def test_without_its_certificate_an_app_is_plain_again(
    blog: Route, proxy: Proxy, visitor: Visitor, settings: Settings
) -> None:
    plain = replace(blog, certificate="", upgrade=False, hsts="")
    proxy.publish(plain)
    assert visitor.get("blog.test").text == "blog"
    assert "alert" in refused(settings.https_port, "blog.test")


@pytest.mark.usefixtures("blog")
def test_certificates_are_there_when_nginx_starts_without_anybody(
    proxy: Proxy, visitor: Visitor, shelf: Shelf, settings: Settings, certificate: Certificate
) -> None:
    proxy.stop()
    shelf.certificates.clear()  # the copies are enough
    proxy.start()
    assert visitor.secure(settings.https_port, "blog.test", trust=certificate.chain).status == 200


@pytest.mark.usefixtures("blog")
def test_the_key_is_root_s_alone(settings: Settings, certificate: Certificate) -> None:
    path = settings.state_dir / "proxy/certificates" / f"{certificate.digest}.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    command_lines = subprocess.run(
        ["ps", "-eo", "args"], capture_output=True, text=True, check=True
    )
    assert certificate.key.splitlines()[1] not in command_lines.stdout


def test_a_host_without_https_is_misdirected_on_another_one_s_connection(
    blog: Route, proxy: Proxy, upstream: Apps, visitor: Visitor, settings: Settings
) -> None:
    proxy.publish(serving("plain", upstream("plain")))
    answer = asked_under_another_name(settings.https_port, sni="blog.test", host="plain.test")
    assert answer.status == 421


def asked_under_another_name(port: int, sni: str, host: str) -> http.client.HTTPResponse:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.sock = context.wrap_socket(plain, server_hostname=sni)
    connection.request("GET", "/", headers={"Host": host})
    return connection.getresponse()


@pytest.mark.usefixtures("blog")
def test_http_2_is_spoken_and_old_tls_is_not(settings: Settings) -> None:
    address = f"blog.test:{settings.https_port}:127.0.0.1"
    argv = ["curl", "-sk", "--resolve", address, f"https://blog.test:{settings.https_port}/",
            "-o", "/dev/null", "-w", "%{http_version}"]  # fmt: skip
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "2"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", settings.https_port), timeout=30) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname="blog.test")
