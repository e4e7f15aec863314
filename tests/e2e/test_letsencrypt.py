"""Certificates from an authority: asked for by ACME, proven through our nginx, and renewed."""

from collections.abc import Iterator

import pytest

from paas.model.certificate import self_signed
from tests.e2e import images
from tests.e2e.authority import BLOCKED, Authority
from tests.e2e.instance import Instance
from tests.e2e.test_front import HOST, OTHER, Browser

APP = "issued"


@pytest.fixture(scope="module")
def authority(platform: Instance) -> Iterator[Authority]:
    made = Authority(platform.root / "authority", platform.settings.http_port)
    try:
        made.begin()
        made.trusted_by(platform)
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def app(platform: Instance, authority: Authority) -> Iterator[str]:
    platform.ok("apps:create", APP)
    platform.ok("git:load-image", APP, "x:latest", stdin=images.archive("by an authority"))
    platform.ok("domains:set", APP, HOST)
    platform.ok("letsencrypt:set", APP, "email", "admin@example.org")
    platform.ok("letsencrypt:set", APP, "server", authority.directory)
    yield APP
    platform.ok("--force", "apps:destroy", APP)


@pytest.fixture(scope="module")
def browser(platform: Instance, tmp_path_factory: pytest.TempPathFactory) -> Browser:
    return Browser(platform, tmp_path_factory.mktemp("browser"))


def names(platform: Instance, app: str) -> list[str]:
    return platform.ok("certs:report", app, "--ssl-hostnames").split()


def fingerprint(platform: Instance, app: str) -> str:
    return platform.ok("certs:report", app, "--ssl-fingerprint")


def test_a_certificate_is_issued_shown_listed_and_kept(
    platform: Instance, app: str, authority: Authority, browser: Browser
):
    assert platform.ssh("letsencrypt:active", app).returncode == 1
    said = platform.ok("letsencrypt:enable", app)
    assert f"- Domain '{HOST}'" in said
    assert "Certificate retrieved successfully." in said
    trust = ("--cacert", str(authority.root_certificate()))
    assert browser.secure("/", *trust)[:2] == (200, "by an authority")
    assert browser.plain()[0] == 301
    assert platform.ok("letsencrypt:active", app).strip() == "true"
    (row,) = platform.json("letsencrypt:list")  # type: ignore[misc]
    assert (row["app"], row["missing"]) == (app, [])
    assert platform.ok("certs:report", app, "--ssl-origin").strip() == "letsencrypt"
    before = fingerprint(platform, app)
    assert "--force asks for another" in platform.ok("letsencrypt:enable", app)
    assert fingerprint(platform, app) == before
    platform.ok("--force", "letsencrypt:enable", app)
    assert fingerprint(platform, app) != before
    assert browser.secure("/", *trust)[0] == 200


def test_a_domain_that_comes_later_is_in_the_next_one(platform: Instance, app: str):
    platform.ok("letsencrypt:enable", app)
    platform.ok("domains:add", app, OTHER)
    platform.ok("letsencrypt:auto-renew")
    assert names(platform, app) == sorted([HOST, OTHER])
    platform.ok("domains:remove", app, OTHER)
    before = fingerprint(platform, app)
    assert "days left before renewal" in platform.ok("letsencrypt:auto-renew", app)
    assert fingerprint(platform, app) == before


def test_passwords_and_maintenance_are_no_hindrance(platform: Instance, app: str):
    platform.ok("http-auth:enable", app, "ann", "s3cret")
    platform.ok("maintenance:enable", app)
    platform.ok("--force", "letsencrypt:enable", app)
    platform.ok("maintenance:disable", app)
    platform.ok("http-auth:disable", app)


@pytest.mark.parametrize("name", [BLOCKED, "elsewhere.example.org"])
def test_a_name_that_is_not_proven_is_named_with_the_authority_s_reason(
    platform: Instance, app: str, authority: Authority, name: str
):
    authority.lead("elsewhere.example.org", "127.0.0.77")
    platform.ok("letsencrypt:enable", app)
    before = fingerprint(platform, app)
    platform.ok("domains:add", app, name)
    said = platform.ssh("letsencrypt:enable", "--force", app)
    assert said.returncode == 1
    assert name in said.stderr.decode()
    told = platform.ok("letsencrypt:report", app, "--letsencrypt-last-error")
    assert name in told
    assert fingerprint(platform, app) == before
    platform.ok("domains:remove", app, name)


def test_a_wildcard_and_a_stranger_are_refused(platform: Instance, app: str):
    platform.ok("domains:add", app, "*.front.example.org")
    said = platform.ssh("letsencrypt:enable", "--force", app).stderr.decode()
    assert "cannot be proven by HTTP" in said
    platform.ok("domains:remove", app, "*.front.example.org")
    server = platform.ok("letsencrypt:report", app, "--letsencrypt-server").strip()
    platform.ok("letsencrypt:set", app, "server", "https://localhost:1/dir")
    said = platform.ssh("letsencrypt:enable", "--force", app).stderr.decode()
    assert "https://localhost:1/dir cannot be reached" in said
    platform.ok("letsencrypt:set", app, "server", server)


def test_it_is_revoked_or_disabled_and_shown_no_more(
    platform: Instance, app: str, browser: Browser
):
    platform.ok("letsencrypt:enable", app)
    platform.ok("letsencrypt:revoke", app)
    assert browser.secure("/", "-k")[0] == 0
    assert browser.plain()[0] == 200
    assert platform.ssh("letsencrypt:revoke", app).returncode == 1
    platform.ok("letsencrypt:enable", app)
    platform.ok("letsencrypt:disable", app)
    assert platform.ok("certs:report", app, "--ssl-enabled").strip() == "false"
    platform.ok("certs:add", app, stdin=self_signed([HOST]).pem.encode())
    platform.ok("letsencrypt:disable", app)  # another certificate stays
    assert platform.ok("certs:report", app, "--ssl-enabled").strip() == "true"
    platform.ok("letsencrypt:cleanup", app)
