"""Settings of one app: they hold for it, for nobody else, and bad ones harm nobody."""

import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from paas.command import Runner
from paas.errors import PaasError
from paas.model import nginx
from paas.model.route import Peer, Route, RouteState
from paas.proxy import render
from paas.proxy.proxy import Proxy
from paas.proxy.shape import Block, Shape
from paas.settings import Settings
from tests.proxy.conftest import Visitor, serving
from tests.proxy.test_render import INPUTS
from tests.proxy.upstream import Upstream

Apps = Callable[..., Upstream]
# one that each setting takes and that is not what holds without it
SAMPLES = {
    "access-log-format": "combined",
    "access-log-path": "own.log",
    "client-body-timeout": "7s",
    "client-header-timeout": "7s",
    "client-max-body-size": "7m",
    "error-log-path": "trouble.log",
    "keepalive-timeout": "7s",
    "lingering-timeout": "7s",
    "proxy-buffer-size": "20k",
    "proxy-buffering": "on",
    "proxy-buffers": "16 32k",
    "proxy-busy-buffers-size": "40k",
    "proxy-connect-timeout": "7s",
    "proxy-keepalive": "7",
    "proxy-read-timeout": "7s",
    "proxy-send-timeout": "7s",
    "send-timeout": "7s",
    "underscore-in-headers": "on",
    "x-forwarded-for-value": "$http_x_forwarded_for",
    "x-forwarded-port-value": "8443",
    "x-forwarded-proto-value": "https",
    "x-forwarded-ssl": "on",
}


def tuned(route: Route, **settings: str) -> Route:
    pairs = {key.replace("_", "-"): value for key, value in settings.items()}
    return replace(route, settings=tuple(sorted(pairs.items())))


def test_every_setting_is_tried_here() -> None:
    assert SAMPLES.keys() == nginx.BLOCK.keys()
    for key, sample in SAMPLES.items():
        assert nginx.BLOCK[key].check(sample) == sample


@pytest.mark.parametrize("key", SAMPLES)
def test_a_setting_changes_the_app_s_own_server(key: str) -> None:
    plain = Block("blog", ("blog.test",))
    before = render.block(INPUTS, Shape(), plain)
    after = render.block(INPUTS, Shape(), replace(plain, settings=((key, SAMPLES[key]),)))
    assert set(after.splitlines()) != set(before.splitlines())
    assert SAMPLES[key] in after


def test_all_settings_together_are_taken_and_the_app_answers(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    samples = {key.replace("-", "_"): value for key, value in SAMPLES.items()}
    proxy.publish(tuned(serving("blog", upstream("blog")), **samples))
    assert visitor.get("blog.test").text == "blog"


@pytest.fixture
def neighbour(proxy: Proxy, upstream: Apps) -> Upstream:
    """An app without settings."""
    app = upstream("shop")
    proxy.publish(serving("shop", app))
    return app


@pytest.mark.usefixtures("neighbour")
def test_an_upload_that_is_too_large_for_one_app_is_not_for_another(
    proxy: Proxy, upstream: Apps, visitor: Visitor, settings: Settings
) -> None:
    proxy.publish(tuned(serving("blog", upstream("blog")), client_max_body_size="1k"))
    body = b"x" * 2000
    url = f"http://127.0.0.1:{settings.http_port}/upload"
    statuses = {
        app: visitor.session.post(url, data=body, headers={"Host": f"{app}.test"}).status_code
        for app in ("blog", "shop")
    }
    assert statuses == {"blog": 413, "shop": 200}


def test_an_app_that_may_not_take_so_long_is_given_up(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    app = upstream("blog")
    proxy.publish(tuned(serving("blog", app), proxy_read_timeout="300ms"))
    assert visitor.get("blog.test", "/slow").status_code == 504
    app.release.set()


def test_a_peer_nobody_reaches_is_given_up_after_its_own_time(
    proxy: Proxy, visitor: Visitor
) -> None:
    nowhere = Route("blog", ("blog.test",), (Peer("192.0.2.1", 80),), RouteState.SERVING)
    proxy.configure({"proxy-connect-timeout": "60s"})  # the others'
    proxy.publish(tuned(nowhere, proxy_connect_timeout="200ms"))
    began = time.monotonic()
    assert visitor.get("blog.test").status_code in (502, 504)
    assert time.monotonic() - began < 30


def test_headers_of_a_proxy_in_front_are_believed_where_that_was_asked_for(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    route = tuned(
        serving("blog", upstream("blog")),
        x_forwarded_for_value="$http_x_forwarded_for",
        x_forwarded_proto_value="$http_x_forwarded_proto",
        x_forwarded_port_value="443",
        x_forwarded_ssl="on",
    )
    proxy.publish(route)
    sent = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Under_Score": "1"}
    seen = visitor.get("blog.test", "/headers", headers=sent).json()
    assert seen["x-forwarded-for"] == "203.0.113.9"
    assert (seen["x-forwarded-proto"], seen["x-forwarded-port"]) == ("https", "443")
    assert seen["x-forwarded-ssl"] == "on"
    assert "under_score" not in seen


def test_underscores_in_headers_pass_where_that_was_asked_for(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(tuned(serving("blog", upstream("blog")), underscore_in_headers="on"))
    seen = visitor.get("blog.test", "/headers", headers={"Under_Score": "1"}).json()
    assert seen["under_score"] == "1"


def test_an_idle_connection_is_closed_after_its_own_time(
    proxy: Proxy, upstream: Apps, settings: Settings
) -> None:
    proxy.publish(tuned(serving("blog", upstream("blog")), keepalive_timeout="300ms"))
    with socket.create_connection(("127.0.0.1", settings.http_port), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: blog.test\r\n\r\n")
        received = b""
        while part := connection.recv(65536):
            received += part
    assert received.endswith(b"blog")


def test_a_body_that_does_not_come_is_given_up_after_its_own_time(
    proxy: Proxy, upstream: Apps, settings: Settings
) -> None:
    proxy.publish(tuned(serving("blog", upstream("blog")), client_body_timeout="300ms"))
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", settings.http_port), timeout=20) as connection:
        connection.sendall(b"POST /upload HTTP/1.1\r\nHost: blog.test\r\nContent-Length: 9\r\n\r\n")
        with suppress(ConnectionResetError):
            assert b" 200 " not in connection.recv(65536)
    assert time.monotonic() - began < 15


def log_lines(settings: Settings, name: str, count: int = 1) -> list[str]:
    """What is in a log once its buffer was written."""
    path = Path(settings.state_dir) / "proxy/logs" / name
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= count:
            return lines
        time.sleep(0.05)
    return []


@pytest.mark.usefixtures("neighbour")
def test_requests_are_logged_where_and_as_an_app_wants(
    proxy: Proxy, upstream: Apps, visitor: Visitor, settings: Settings
) -> None:
    proxy.publish(
        tuned(
            serving("blog", upstream("blog")),
            access_log_path="own.log",
            access_log_format="combined",
        )
    )
    visitor.get("blog.test", "/seen")
    visitor.get("shop.test", "/other")
    (line,) = log_lines(settings, "apps/blog/own.log")
    assert '"GET /seen HTTP/1.1" 200 4' in line
    (other,) = log_lines(settings, "access.log")
    assert json.loads(other)["app"] == "shop"


def test_logs_of_an_app_s_own_follow_its_name_and_go_with_it(
    proxy: Proxy, upstream: Apps, visitor: Visitor, settings: Settings
) -> None:
    blog = tuned(serving("blog", upstream("blog")), access_log_path="own.log")
    proxy.publish(blog)
    visitor.get("blog.test", "/before")
    assert log_lines(settings, "apps/blog/own.log")
    proxy.move("blog", replace(blog, app="news"))
    visitor.get("blog.test", "/after")
    directory = settings.state_dir / "proxy/logs/apps"
    lines = log_lines(settings, "apps/news/own.log", count=2)
    assert ["/before" in lines[0], "/after" in lines[1]] == [True, True]
    proxy.withdraw("news")
    assert list(directory.iterdir()) == []


@pytest.mark.usefixtures("neighbour")
def test_requests_of_an_app_that_wants_no_log_are_in_none(
    proxy: Proxy, upstream: Apps, visitor: Visitor, settings: Settings
) -> None:
    proxy.publish(tuned(serving("blog", upstream("blog")), access_log_path="off"))
    visitor.get("blog.test")
    visitor.get("shop.test")
    assert [json.loads(one)["app"] for one in log_lines(settings, "access.log")] == ["shop"]


@pytest.mark.usefixtures("neighbour")
def test_settings_that_nginx_does_not_take_are_refused_and_nothing_changes(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    plain = serving("blog", upstream("blog"))
    proxy.publish(plain)
    with pytest.raises(PaasError, match="proxy_busy_buffers_size"):
        proxy.publish(tuned(plain, proxy_buffers="2 4k", proxy_busy_buffers_size="12k"))
    assert proxy.routes()["blog"] == plain
    assert visitor.get("blog.test").text == "blog"
    assert visitor.get("shop.test").text == "shop"
    proxy.publish(tuned(plain, proxy_buffers="4 16k"))


def test_settings_that_a_later_nginx_does_not_take_keep_nobody_from_starting(
    settings: Settings, upstream: Apps, visitor: Visitor
) -> None:
    blog, shop = serving("blog", upstream("blog")), serving("shop", upstream("shop"))
    bad = tuned(blog, proxy_buffers="2 4k", proxy_busy_buffers_size="12k")
    proxy = Proxy(settings, Runner())
    proxy.prepare([bad, shop])  # as if it had been taken once
    try:
        proxy.start()
        assert visitor.get("blog.test").text == "blog"
        assert visitor.get("shop.test").text == "shop"
        assert list(proxy.refused()) == ["blog"]
        proxy.publish(tuned(shop, client_max_body_size="2m"))  # others can change
        assert visitor.get("shop.test").text == "shop"
        proxy.publish(blog)
        assert proxy.refused() == {}
    finally:
        proxy.stop()


def test_what_holds_for_every_app_gives_way_to_an_app_s_own(
    proxy: Proxy, upstream: Apps, visitor: Visitor, settings: Settings
) -> None:
    proxy.publish(serving("shop", upstream("shop")))
    proxy.publish(tuned(serving("blog", upstream("blog")), client_max_body_size="5k"))
    proxy.configure({"client-max-body-size": "1k"})
    url = f"http://127.0.0.1:{settings.http_port}/upload"

    def status(app: str) -> int:
        answer = visitor.session.post(url, data=b"x" * 2000, headers={"Host": f"{app}.test"})
        return answer.status_code

    assert (status("blog"), status("shop")) == (200, 413)
    with pytest.raises(PaasError):
        proxy.configure({"proxy-buffers": "2 4k", "proxy-busy-buffers-size": "12k"})
    assert (status("blog"), status("shop")) == (200, 413)
    again = Proxy(settings, Runner())
    again.start()  # remembered
    assert status("shop") == 413


def test_a_wildcard_with_settings_does_not_take_other_apps_names(
    proxy: Proxy, upstream: Apps, visitor: Visitor, settings: Settings
) -> None:
    wide = serving("wide", upstream("wide"), domains=("*.example.test",))
    proxy.publish(tuned(wide, client_max_body_size="1k"))
    proxy.publish(serving("shop", upstream("shop"), domains=("shop.example.test",)))
    url = f"http://127.0.0.1:{settings.http_port}/upload"
    statuses = [
        visitor.session.post(url, data=b"x" * 2000, headers={"Host": f"{name}.example.test"})
        for name in ("shop", "any")
    ]
    assert [one.status_code for one in statuses] == [200, 413]


def test_large_headers_of_an_app_pass_where_there_is_room_for_them(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    app = upstream("blog")
    proxy.publish(serving("blog", app))
    assert visitor.get("blog.test", "/large-head").status_code == 502
    proxy.publish(tuned(serving("blog", app), proxy_buffer_size="64k"))
    assert visitor.get("blog.test", "/large-head").status_code == 200
