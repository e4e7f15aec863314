"""What stands before an app, as a visitor meets it: TLS, settings, pages, redirects, passwords.

Asked with curl and openssl, administered over ssh.
"""

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from paas.model.certificate import Certificate, self_signed
from tests.e2e import images
from tests.e2e.instance import Instance

HOST, OTHER = "front.example.org", "www.front.example.org"


@pytest.fixture(scope="module")
def front(platform: Instance) -> Iterator[str]:
    """An app at a domain of its own."""
    platform.ok("apps:create", "front")
    platform.ok("git:load-image", "front", "x:latest", stdin=images.archive("the front page"))
    platform.ok("domains:set", "front", HOST)
    yield "front"
    platform.ok("--force", "apps:destroy", "front")


class Browser:
    """curl, as a visitor of the instance's."""

    def __init__(self, platform: Instance, root: Path) -> None:
        self.settings = platform.settings
        self.root = root

    def __call__(self, url: str, *options: str) -> tuple[int, str, dict[str, str]]:
        """Status, body and headers; status 0 when nothing was answered."""
        ports = (self.settings.http_port, self.settings.https_port)
        known = [f"{name}:{port}:127.0.0.1" for name in (HOST, OTHER) for port in ports]
        argv = ["curl", "-sS", "-m", "60", "-D", f"{self.root}/head", "-w", "\n%{http_code}"]
        for one in known:
            argv += ["--resolve", one]
        done = subprocess.run([*argv, *options, url], capture_output=True, text=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body, headers(self.root / "head")

    def plain(self, path: str = "/", *options: str, host: str = HOST):
        return self(f"http://{host}:{self.settings.http_port}{path}", *options)

    def secure(self, path: str = "/", *options: str, host: str = HOST):
        return self(f"https://{host}:{self.settings.https_port}{path}", *options)


def headers(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = [line.partition(":") for line in lines if ":" in line]
    return {name.lower(): value.strip() for name, _, value in pairs}


@pytest.fixture(scope="module")
def browser(platform: Instance, tmp_path_factory: pytest.TempPathFactory) -> Browser:
    return Browser(platform, tmp_path_factory.mktemp("browser"))


@pytest.fixture
def certificate(platform: Instance, front: str) -> Iterator[Certificate]:
    """A certificate of the app's, added as an archive."""
    made = self_signed([HOST, OTHER])
    platform.ok("certs:add", front, stdin=archive(made))
    yield made
    platform.ssh("certs:remove", front)


def archive(made: Certificate) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in (("server.crt", made.chain), ("server.key", made.key)):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def trusted(browser: Browser, made: Certificate) -> tuple[str, str]:
    path = browser.root / f"{made.digest}.pem"
    path.write_text(made.chain)
    return "--cacert", str(path)


def handshake(platform: Instance, name: str) -> str:
    """What openssl says of a handshake that asks for a name."""
    address = f"127.0.0.1:{platform.settings.https_port}"
    argv = ["openssl", "s_client", "-connect", address, "-servername", name]
    done = subprocess.run(argv, input="", capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def test_an_added_certificate_is_shown_and_survives_a_restart(
    platform: Instance, front: str, browser: Browser, certificate: Certificate
):
    trust = trusted(browser, certificate)
    status, body, head = browser.secure("/", *trust)
    assert (status, body) == (200, "the front page")
    assert head["strict-transport-security"] == "max-age=15724800; includeSubDomains"
    status, _, head = browser.plain("/a?b=c")
    assert status == 301
    assert head["location"] == f"https://{HOST}:{platform.settings.https_port}/a?b=c"
    platform.ok("ps:restart", front)
    platform.kill()
    platform.launch()
    platform.wait_until_up()
    assert browser.secure("/", *trust)[0] == 200
    assert platform.ok("certs:report", front, "--ssl-hostnames").split() == sorted([HOST, OTHER])


def test_a_name_without_a_certificate_gets_no_other_one(
    platform: Instance, front: str, certificate: Certificate
):
    assert f"CN = {HOST}" in handshake(platform, HOST)
    refused = handshake(platform, "nobody.example.org")
    assert "alert" in refused
    assert "no peer certificate available" in refused
    key = platform.settings.state_dir / "proxy/certificates" / f"{certificate.digest}.pem"
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_refused_certificate_leaves_the_one_before(
    platform: Instance, front: str, browser: Browser, certificate: Certificate
):
    mixed = Certificate(self_signed([HOST]).chain, certificate.key)
    said = platform.ssh("certs:update", front, stdin=archive(mixed))
    assert said.returncode != 0
    assert b"does not belong" in said.stderr
    assert browser.secure("/", *trusted(browser, certificate))[0] == 200


def test_settings_hold_for_the_app_alone(platform: Instance, front: str, browser: Browser):
    upload = ("-d", "x" * 2000)
    assert browser.plain("/", *upload)[0] != 413
    platform.ok("nginx:set", front, "client-max-body-size", "1k")
    assert browser.plain("/", *upload)[0] == 413
    assert "client_max_body_size 1k;" in platform.ok("nginx:show-config", front)
    said = platform.ssh("nginx:set", front, "proxy-busy-buffers-size", "16m")
    assert said.returncode == 1
    assert b"nginx does not accept" in said.stderr
    assert platform.ok("nginx:report", front, "--nginx-proxy-busy-buffers-size").strip() == ""
    assert "is valid" in platform.ok("nginx:validate-config")
    platform.ok("nginx:set", "--global", "client-max-body-size", "2k")
    platform.ok("nginx:set", front, "client-max-body-size")
    assert browser.plain("/", "-d", "x" * 3000)[0] == 413
    platform.ok("nginx:set", "--global", "client-max-body-size")
    assert browser.plain("/", "-d", "x" * 3000)[0] != 413


def test_requests_are_found_in_the_log(platform: Instance, front: str, browser: Browser):
    browser.plain("/looked-for")
    with subprocess.Popen(
        [*platform.ssh_to, "nginx:access-logs", front, "-t"],
        stdout=subprocess.PIPE, env=platform.environment,
    ) as following:  # fmt: skip
        assert following.stdout is not None
        line = b""
        while b"/looked-for" not in line:
            line = following.stdout.readline()
            assert line
        following.kill()
    entry = json.loads(line)
    assert (entry["app"], entry["method"], entry["path"]) == (front, "GET", "/looked-for")


def test_a_page_stands_in_for_an_app_in_maintenance(
    platform: Instance, front: str, browser: Browser
):
    platform.ok("maintenance:enable", front)
    assert browser.plain()[0] == 503
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("maintenance.html")
        member.size = 7
        tar.addfile(member, io.BytesIO(b"<p>soon"))
    platform.ok("maintenance:custom-page", front, stdin=buffer.getvalue())
    assert browser.plain("/any")[:2] == (503, "<p>soon")
    platform.ok("ps:restart", front)
    assert browser.plain()[0] == 503
    platform.ok("maintenance:disable", front)
    assert browser.plain()[1] == "the front page"


def test_a_name_sends_on(platform: Instance, front: str, browser: Browser):
    platform.ok("redirect:set", front, OTHER, HOST)
    status, _, head = browser.plain("/a?b", host=OTHER)
    assert status == 301
    assert head["location"] == f"http://{HOST}:{platform.settings.http_port}/a?b"
    assert browser.plain("/", "-L", host=OTHER)[1] == "the front page"
    platform.ok("redirect:unset", front, OTHER)
    assert browser.plain(host=OTHER)[0] == 0


def test_a_password_is_asked_for(platform: Instance, front: str, browser: Browser):
    platform.ok("http-auth:add-user", front, "ann", stdin=b"s3cret\n")
    platform.ok("http-auth:enable", front)
    assert browser.plain()[0] == 401
    assert browser.plain("/", "-u", "ann:wrong")[0] == 401
    assert browser.plain("/", "-u", "ann:s3cret")[1] == "the front page"
    platform.ok("http-auth:add-allowed-ip", front, "127.0.0.1")
    assert browser.plain()[1] == "the front page"
    assert "ann" not in platform.ok("http-auth:show-config", front)
    platform.ok("http-auth:disable", front)
    platform.ok("http-auth:remove-allowed-ip", front, "127.0.0.1")
    assert browser.plain()[1] == "the front page"


def test_an_app_is_hidden_and_nginx_stopped_until_they_are_wanted_again(
    platform: Instance, front: str, browser: Browser
):
    platform.ok("proxy:disable", front)
    assert browser.plain()[0] == 0
    platform.ok("proxy:enable", front)
    assert browser.plain()[0] == 200
    platform.ok("--force", "nginx:stop")
    assert browser.plain()[0] == 0
    platform.ok("domains:add", front, OTHER)  # what changes meanwhile is there afterwards
    platform.ok("nginx:start")
    assert browser.plain(host=OTHER)[0] == 200
    platform.ok("nginx:reload")
    assert browser.plain()[0] == 200


def test_a_clone_has_its_own_front_and_no_certificate(
    platform: Instance, front: str, certificate: Certificate
):
    platform.ok("apps:clone", "--skip-deploy", front, "behind")
    assert platform.ok("certs:report", "behind", "--ssl-enabled").strip() == "false"
    platform.ok("--force", "apps:destroy", "behind")


def test_it_all_goes_with_an_app_into_its_archive(
    platform: Instance, front: str, browser: Browser, certificate: Certificate
):
    platform.ok("http-auth:enable", front, "ann", "s3cret")
    platform.ok("nginx:set", front, "proxy-read-timeout", "90s")
    data = platform.ssh("apps:export", "--with-image", front).stdout
    platform.ok("--force", "apps:destroy", front)
    assert browser.secure("/", "-k")[0] == 0
    platform.ok("apps:import", stdin=data)
    trust = trusted(browser, certificate)
    assert browser.secure("/", *trust)[0] == 401
    assert browser.secure("/", *trust, "-u", "ann:s3cret")[0] == 200
    shown = platform.ok("nginx:report", front, "--nginx-proxy-read-timeout")
    assert shown.strip() == "90s"
    platform.ok("http-auth:disable", front)
