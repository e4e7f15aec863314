"""Passwords before an app: asked for in front of it, compared beside other requests."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import bcrypt
import pytest
import requests

from paas.model.ports import PortMapping
from paas.model.route import Guard, Route, RouteState
from paas.proxy.proxy import Proxy
from paas.settings import Settings
from tests.proxy.conftest import Visitor, serving
from tests.proxy.upstream import Upstream

Apps = Callable[..., Upstream]
HASH = bcrypt.hashpw(b"s3cret:x", bcrypt.gensalt(8)).decode()
ANN = ("ann", "s3cret:x")


def guarded(route: Route, *addresses: str) -> Route:
    return replace(route, guard=Guard((("ann", HASH),), addresses))


@pytest.fixture
def blog(proxy: Proxy, upstream: Apps) -> Route:
    route = guarded(serving("blog", upstream("blog")))
    proxy.publish(route)
    return route


@pytest.mark.usefixtures("blog")
def test_only_who_knows_the_password_gets_through(visitor: Visitor) -> None:
    without = visitor.get("blog.test")
    assert without.status_code == 401
    assert without.headers["WWW-Authenticate"].startswith('Basic realm="Restricted"')
    assert visitor.get("blog.test", auth=ANN).text == "blog"
    assert visitor.get("blog.test", auth=ANN).text == "blog"  # remembered
    for wrong in (("ann", "s3cret"), ("bob", "s3cret:x"), ("ann", ""), ("", ""), ("ann", "\0")):
        assert visitor.get("blog.test", auth=wrong).status_code == 401, wrong
    for header in ("Basic", "Basic !!!", "Bearer x", "Basic " + "A" * 4000):
        answer = visitor.get("blog.test", headers={"Authorization": header})
        assert answer.status_code == 401, header


def test_a_password_that_is_no_more_is_refused_at_once(
    blog: Route, proxy: Proxy, visitor: Visitor
) -> None:
    assert visitor.get("blog.test", auth=ANN).text == "blog"
    other = bcrypt.hashpw(b"other", bcrypt.gensalt(8)).decode()
    proxy.publish(replace(blog, guard=Guard((("ann", other),))))
    assert visitor.get("blog.test", auth=ANN).status_code == 401
    assert visitor.get("blog.test", auth=("ann", "other")).text == "blog"


def test_some_addresses_need_no_password(blog: Route, proxy: Proxy, visitor: Visitor) -> None:
    proxy.publish(guarded(blog, "127.0.0.0/8"))
    assert visitor.get("blog.test").text == "blog"
    proxy.publish(guarded(blog, "203.0.113.0/24", "2001:db8::/32"))
    assert visitor.get("blog.test").status_code == 401
    assert visitor.get("blog.test", auth=ANN).text == "blog"


def test_others_are_not_asked(blog: Route, proxy: Proxy, upstream: Apps, visitor: Visitor) -> None:
    proxy.publish(serving("shop", upstream("shop")))
    assert visitor.get("shop.test").text == "shop"


def test_nothing_gets_round_the_question(
    blog: Route, proxy: Proxy, visitor: Visitor, settings: Settings
) -> None:
    for path in ("/.well-known/acme-challenge/x", "/.well-known/acme-challenge/", "//", "/?a"):
        assert visitor.get("blog.test", path).status_code == 401, path
    raw = visitor.send(
        b"GET http://blog.test/ HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n"
    )
    assert raw.startswith(b"HTTP/1.1 401")
    raw = visitor.send(b"GET / HTTP/1.1\r\nHost: BLOG.test.:80\r\nConnection: close\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 401")
    raw = visitor.send(b"GET / HTTP/1.0\r\nHost: blog.test\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 401")
    port = PortMapping("http", settings.http_port, blog.peers[0].port)
    proxy.publish(replace(blog, ports=(port,), open_ports=(settings.http_port,)))
    raw = visitor.send(b"GET / HTTP/1.1\r\nHost: anything.test\r\nConnection: close\r\n\r\n")
    assert b"blog" not in raw


def test_a_guarded_app_that_is_held_lets_requests_wait(
    blog: Route, proxy: Proxy, visitor: Visitor
) -> None:
    proxy.publish(replace(blog, state=RouteState.HELD, hold_s=20))
    assert visitor.get("blog.test").status_code == 401
    later = threading.Timer(0.3, proxy.publish, (blog,))
    later.start()
    assert visitor.get("blog.test", auth=ANN).text == "blog"
    later.join()


def test_taking_the_guard_away_loses_no_request(
    blog: Route, proxy: Proxy, settings: Settings
) -> None:
    url = f"http://127.0.0.1:{settings.http_port}/"
    seen, over = set(), threading.Event()

    def ask() -> None:
        while not over.is_set():  # each on a connection of its own, as reloads close idle ones
            seen.add(requests.get(url, headers={"Host": "blog.test"}, auth=ANN, timeout=60).text)

    visitors = [threading.Thread(target=ask) for _ in range(4)]
    for one in visitors:
        one.start()
    for _ in range(4):
        proxy.publish(replace(blog, guard=None))
        time.sleep(0.05)
        proxy.publish(blog)
        time.sleep(0.05)
    over.set()
    for one in visitors:
        one.join()
    assert seen == {"blog"}


def test_guessing_is_slowed_down_and_right_ones_still_pass(
    blog: Route, proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    assert visitor.get("blog.test", auth=ANN).text == "blog"
    statuses = [visitor.get("blog.test", auth=("ann", str(n))).status_code for n in range(25)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert visitor.get("blog.test", auth=ANN).text == "blog"  # who is known is known


def test_comparing_passwords_keeps_nobody_waiting(
    blog: Route, proxy: Proxy, upstream: Apps, settings: Settings
) -> None:
    slow = bcrypt.hashpw(b"x", bcrypt.gensalt(13)).decode()  # about a second
    proxy.publish(replace(blog, guard=Guard((("ann", slow),))))
    proxy.publish(serving("shop", upstream("shop")))
    url = f"http://127.0.0.1:{settings.http_port}/"
    guessing = [
        threading.Thread(
            target=lambda: requests.get(
                url, headers={"Host": "blog.test"}, auth=("ann", "y"), timeout=60
            )
        )
        for _ in range(12)  # as many as are not slowed down, and seconds of both processors
    ]
    for one in guessing:
        one.start()
    time.sleep(0.1)
    for _ in range(8):  # whichever worker takes it
        answer = requests.get(url, headers={"Host": "shop.test"}, timeout=60)
        assert answer.text == "shop"
    assert any(one.is_alive() for one in guessing)
    for one in guessing:
        one.join()
