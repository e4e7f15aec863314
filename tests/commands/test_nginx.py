"""nginx: settings of apps and of the instance, what was logged, and the process."""

import json
import threading
from pathlib import Path

import pytest

from paas.model import nginx
from paas.model.app import App
from paas.proxy import logs
from tests.commands.conftest import Admin, FakeProxy
from tests.commands.test_certs import TAR
from tests.commands.test_proxy import published
from tests.proxy.test_own_settings import SAMPLES

ROUTED = {
    "bind-address-ipv4": "127.0.0.1",
    "bind-address-ipv6": "[::1]",
    "hsts": "false",
    "hsts-include-subdomains": "false",
    "hsts-max-age": "60",
    "hsts-preload": "true",
}
ALL = {**SAMPLES, **ROUTED}


def fake(admin: Admin) -> FakeProxy:
    assert isinstance(admin.platform.proxy, FakeProxy)
    return admin.platform.proxy


def report(admin: Admin, key: str, app: str = "blog") -> str:
    return admin.ok("nginx:report", app, f"--nginx-{key}").strip()


def test_every_setting_there_is_is_tried_here():
    assert ALL.keys() == nginx.BLOCK.keys() | nginx.ROUTED.keys()
    assert len({*ALL, *nginx.REFUSED}) == 31


@pytest.mark.parametrize("key", ALL)
def test_each_setting_is_kept_reported_and_unset(admin: Admin, deployed: App, key: str):
    assert report(admin, f"computed-{key}") == nginx.defaults()[key]
    admin.ok("nginx:set", "blog", key, ALL[key])
    kept = ALL[key].strip("[]")
    assert (report(admin, key), report(admin, f"computed-{key}")) == (kept, kept)
    assert report(admin, f"global-{key}") == ""
    admin.ok("nginx:set", "blog", key)
    assert report(admin, key) == ""
    assert published(admin).settings == ()


def test_settings_of_nginx_s_own_are_in_the_route_of_the_app(admin: Admin, deployed: App):
    admin.ok("nginx:set", "blog", "client-max-body-size", "50m")
    admin.ok("nginx:set", "blog", "proxy-read-timeout", "120s")
    assert published(admin).settings == (
        ("client-max-body-size", "50m"),
        ("proxy-read-timeout", "120s"),
    )
    assert "Set proxy-read-timeout to 120s" in admin.ok("events", "--app", "blog")


def test_the_instance_s_settings_are_for_every_app(admin: Admin, deployed: App):
    admin.ok("apps:create", "shop")
    for app in ("blog", "shop"):
        admin.ok("certs:add", app, stdin=TAR)
    admin.ok("nginx:set", "--global", "client-max-body-size", "5m")
    assert fake(admin).defaults == {"client-max-body-size": "5m"}
    assert published(admin).settings == ()
    assert report(admin, "computed-client-max-body-size", "shop") == "5m"
    admin.ok("nginx:set", "--global", "hsts-max-age", "60")
    assert published(admin, "shop").hsts == "max-age=60; includeSubDomains"
    admin.ok("nginx:set", "shop", "hsts", "false")
    assert (published(admin, "shop").hsts, published(admin).hsts != "") == ("", True)


def test_hsts_says_what_it_is_told_to(admin: Admin, deployed: App):
    admin.ok("certs:add", "blog", stdin=TAR)
    for key in ("hsts-preload", "hsts-max-age", "hsts-include-subdomains"):
        admin.ok("nginx:set", "blog", key, ROUTED[key])
    assert published(admin).hsts == "max-age=60; preload"


def test_an_app_answers_at_the_addresses_it_is_bound_to(admin: Admin, deployed: App):
    admin.ok("nginx:set", "blog", "bind-address-ipv4", "127.0.0.1")
    assert published(admin).addresses == ("127.0.0.1", "::")
    admin.ok("nginx:set", "blog", "bind-address-ipv6", "[::1]")
    assert published(admin).addresses == ("127.0.0.1", "::1")
    admin.ok("nginx:set", "blog", "bind-address-ipv4")
    assert published(admin).addresses == ("0.0.0.0", "::1")


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("client-max-body-size", "10 m", "not a size"),
        ("client-max-body-size", "1m; return 200", "not a size"),
        ("proxy-read-timeout", "soon", "not a time"),
        ("proxy-read-timeout", "999d", "longer than 7 days"),
        ("proxy-buffers", "8", "number of buffers"),
        ("proxy-buffers", "9999 16k", "more than 16m"),
        ("proxy-buffer-size", "1", "not from 1k to 16m"),
        ("proxy-buffering", "yes", "on, off"),
        ("proxy-keepalive", "0", "from 1 to 1024"),
        ("access-log-path", "/etc/passwd", "not the name of a log file"),
        ("access-log-path", "..", "not the name of a log file"),
        ("access-log-format", "mine", "not one of"),
        ("x-forwarded-for-value", "$http_cookie", "cannot be"),
        ("x-forwarded-for-value", '"; return 200 "', "cannot be"),
        ("bind-address-ipv4", "::1", "not an IPv4 address"),
        ("bind-address-ipv6", "1.2.3.4", "not an IPv6 address"),
        ("hsts-max-age", "1.5", "not a number"),
        ("nginx-conf-sigil-path", "x", "could read every other app's"),
        ("disable-custom-config", "true", "no template of an app"),
        ("nginx-service-command", "/bin/sh", "nginx:start"),
        ("unheard-of", "x", "there is no property"),
    ],
)
def test_what_nginx_would_misread_is_refused(
    admin: Admin, deployed: App, key: str, value: str, why: str
):
    assert why in admin.fails("nginx:set", "blog", key, value).err
    assert published(admin).settings == ()


def test_what_nginx_does_not_take_is_named_and_can_be_cleaned(admin: Admin, deployed: App):
    admin.ok("nginx:set", "blog", "proxy-buffers", "4 8k")
    assert "is valid" in admin.ok("nginx:validate-config")
    fake(admin).complaints["blog"] = "proxy_buffers is wrong"
    said = admin.fails("nginx:validate-config")
    assert "blog: proxy_buffers is wrong" in said.err
    admin.ok("nginx:validate-config", "blog", "--clean")
    assert published(admin).settings == ()
    assert report(admin, "proxy-buffers") == ""


def test_the_process_is_reloaded_stopped_and_started(admin: Admin, deployed: App):
    admin.ok("nginx:reload")
    assert "Confirmation did not match" in admin.fails("nginx:stop", stdin=b"no\n").err
    admin.ok("--force", "nginx:stop")
    admin.ok("nginx:start")
    assert fake(admin).calls == ["reload", "stop until_told=True", "start"]


def test_an_app_s_server_block_is_shown(admin: Admin, deployed: App):
    admin.ok("nginx:set", "blog", "proxy-buffers", "4 8k")
    assert "server_name blog.localhost;" in admin.ok("nginx:show-config", "blog")


# -- logs --------------------------------------------------------------------------------


@pytest.fixture
def directory(admin: Admin) -> Path:
    path = admin.platform.settings.state_dir / "proxy/logs"
    (path / "apps/blog").mkdir(parents=True)
    lines = [json.dumps({"app": app, "path": f"/{number}"}, separators=(",", ":"))
             for number in range(3) for app in ("blog", "shop")]  # fmt: skip
    (path / "access.log").write_text("\n".join(lines) + "\n")
    (path / "error.log").write_text(
        'x [error] 1#1: refused, client: ::1, request: "GET /", host: "blog.localhost"\n'
        'x [error] 1#1: refused, client: ::1, request: "GET /", host: "shop.localhost"\n'
    )
    return path


def test_the_common_logs_are_shown_for_one_app_alone(admin: Admin, deployed: App, directory: Path):
    shown = admin.ok("nginx:access-logs", "blog").splitlines()
    assert [json.loads(one)["path"] for one in shown] == ["/0", "/1", "/2"]
    assert admin.ok("nginx:access-logs", "blog", "-n", "1").splitlines() == shown[-1:]
    assert "shop" not in admin.ok("nginx:error-logs", "blog")
    assert "blog.localhost" in admin.ok("nginx:error-logs", "blog")
    admin.ok("domains:set", "blog", "*.localhost")
    assert len(admin.ok("nginx:error-logs", "blog").splitlines()) == 2
    admin.ok("domains:set", "blog", "log.localhost")
    assert admin.ok("nginx:error-logs", "blog") == ""


def test_logs_of_an_app_s_own_are_found_where_it_has_them(
    admin: Admin, deployed: App, directory: Path
):
    (directory / "apps/blog/mine.log").write_text("\x1b[31mmine\n")
    (directory / "apps/blog/access.log").write_text("combined\n")
    admin.ok("nginx:set", "blog", "access-log-path", "mine.log")
    assert admin.ok("nginx:access-logs", "blog") == "mine\n"
    admin.ok("nginx:set", "blog", "access-log-path")
    admin.ok("nginx:set", "blog", "access-log-format", "combined")
    assert admin.ok("nginx:access-logs", "blog") == "combined\n"
    admin.ok("nginx:set", "blog", "error-log-path", "off")
    assert "has no such log" in admin.fails("nginx:error-logs", "blog").err


def test_a_log_is_followed_over_its_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(logs, "FILE_BYTES", 10)
    path, stop, pen = tmp_path / "access.log", threading.Event(), threading.Lock()
    path.write_text("before this one\n")
    lines = logs.follow(path, lambda line: b"not" not in line, stop)
    found: list[bytes] = []

    def read() -> None:
        for line in lines:
            found.append(line)
            if len(found) == 1:
                with pen:
                    path.open("a").write("second, which is long\n")
                    assert logs.rotate(tmp_path)
                    path.write_text("third\nnot this\n")
            if line == b"third":
                stop.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while reader.is_alive() and not found:
        with pen:
            if not found:
                path.open("a").write("first\nunfin")
                path.open("a").write("ished not\n")
        reader.join(0.5)
    reader.join(60)
    assert found[0] == b"first"
    assert found[-2:] == [b"second, which is long", b"third"]
    assert logs.last(path, lambda _: True, 2) == [b"third", b"not this"]
    assert logs.rotate(tmp_path)
    assert not logs.rotate(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["access.log.1", "access.log.2"]
