"""A held app's requests wait in the proxy: for its release, or for a page."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest
import requests

from paas.model.route import Route, RouteState
from paas.proxy.proxy import Proxy
from paas.settings import Settings
from tests.proxy.conftest import Visitor, serving
from tests.proxy.upstream import Upstream

Apps = Callable[..., Upstream]


def held(route: Route, hold_s: float = 20) -> Route:
    return replace(route, state=RouteState.HELD, hold_s=hold_s)


def settled(tasks: list[Future[requests.Response]], seconds: float = 0.4) -> list[bool]:
    """Which of the requests are answered after a while in which all could be."""
    time.sleep(seconds)
    return [task.done() for task in tasks]


@pytest.fixture
def visits() -> "ThreadPoolExecutor":
    with ThreadPoolExecutor(32) as pool:
        yield pool  # type: ignore[misc]


def test_requests_wait_and_go_on_at_once_when_the_app_is_released(
    proxy: Proxy, upstream: Apps, visitor: Visitor, visits: ThreadPoolExecutor
) -> None:
    app = upstream("blog")
    proxy.publish(held(serving("blog", app)))
    tasks = [visits.submit(visitor.get, "blog.test") for _ in range(20)]
    assert not any(settled(tasks))
    assert app.connections == 0
    released_at = time.monotonic()
    proxy.publish(serving("blog", app))
    assert [task.result(60).text for task in tasks] == ["blog"] * 20
    assert time.monotonic() - released_at < 15  # of the 20 s they would wait


def test_an_upload_waits_whole_and_arrives_whole(
    settings: Settings, proxy: Proxy, upstream: Apps, visits: ThreadPoolExecutor
) -> None:
    import hashlib

    app = upstream("blog")
    proxy.publish(held(serving("blog", app)))
    body = bytes(range(256)) * 16384  # more than any buffer on the way
    url = f"http://127.0.0.1:{settings.http_port}/upload"
    headers = {"Host": "blog.test"}
    task = visits.submit(requests.post, url, data=body, headers=headers, timeout=60)
    assert settled([task]) == [False]
    proxy.publish(serving("blog", app))
    assert task.result(60).text == hashlib.sha256(body).hexdigest()


def test_a_connection_is_kept_over_the_wait(proxy: Proxy, upstream: Apps, visitor: Visitor) -> None:
    app = upstream("blog")
    proxy.publish(serving("blog", app))
    assert visitor.get("blog.test").text == "blog"
    proxy.publish(held(serving("blog", app)))
    later = threading.Timer(0.2, proxy.publish, (serving("blog", app),))
    later.start()
    answer = visitor.get("blog.test")
    later.join()
    assert (answer.status_code, answer.text) == (200, "blog")
    assert answer.headers["Connection"] == "keep-alive"


def test_who_waited_enough_gets_a_page(proxy: Proxy, upstream: Apps, visitor: Visitor) -> None:
    proxy.publish(held(serving("blog", upstream()), 0.3))
    began = time.monotonic()
    answer = visitor.get("blog.test")
    assert 0.25 < time.monotonic() - began < 15
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "Back in a moment" in answer.text


def test_other_apps_do_not_wait_and_their_failures_show_their_own_page(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(held(serving("blog", upstream())))
    shop = upstream("shop")
    proxy.publish(serving("shop", shop))
    assert visitor.get("shop.test").text == "shop"
    assert visitor.get("shop.test", "/broken").text == "the app's own words"
    shop.close()
    answer = visitor.get("shop.test")
    assert (answer.status_code, "The app did not answer" in answer.text) == (502, True)


def test_while_nothing_is_held_requests_are_not_asked(
    settings: Settings, proxy: Proxy, upstream: Apps
) -> None:
    flag = settings.run_dir / "requests-held"
    route = serving("blog", upstream())
    proxy.publish(route)
    assert not flag.exists()
    proxy.publish(held(route))
    assert flag.exists()
    proxy.publish(route)
    assert not flag.exists()
    proxy.publish(held(route))
    proxy.withdraw("blog")
    assert not flag.exists()


def test_an_app_stays_held_when_nginx_starts_anew(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    app = upstream("blog")
    proxy.publish(held(serving("blog", app), 0.2))
    proxy.stop()
    proxy.start()
    assert proxy.routes()["blog"] == held(serving("blog", app), 0.2)
    assert visitor.get("blog.test").status_code == 503
