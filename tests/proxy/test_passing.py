"""What happens to a request and its answer on their way."""

import hashlib
import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import websocket

from paas.proxy.proxy import Proxy
from paas.settings import Settings
from tests.proxy.conftest import Visitor, serving
from tests.proxy.upstream import Upstream

Apps = Callable[..., Upstream]

SPOOFED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Real-IP": "6.6.6.6",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Host": "evil.test",
    "X-Request-Id": "evil",
    "X-Request-Start": "evil",
    "Forwarded": "for=6.6.6.6",
    "X-Forwarded-Ssl": "on",
    "X-Forwarded-Scheme": "https",
    "X-Forwarded-Prefix": "/evil",
    "Proxy": "http://evil.test",
    "X_Forwarded_For": "6.6.6.6",
    "Upgrade": "h2c",
    "TE": "trailers",
}


def test_what_a_client_says_of_itself_is_overwritten(
    settings: Settings, proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream()))
    seen = visitor.get("blog.test", "/headers", headers={**SPOOFED, "X-Own": "kept"}).json()
    assert seen["x-forwarded-for"] == seen["x-real-ip"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-port"] == str(settings.http_port)
    assert seen["host"] == seen["x-forwarded-host"] == "blog.test"
    assert abs(float(seen["x-request-start"]) - time.time()) < 60
    assert seen["x-own"] == "kept"
    text = json.dumps(seen).lower()
    assert "6.6.6.6" not in text
    assert "evil" not in text
    assert not {"upgrade", "te", "forwarded", "proxy", "x-forwarded-ssl"} & set(seen)


def test_every_request_has_a_name_of_its_own(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream()))
    names = {visitor.get("blog.test", "/headers").json()["x-request-id"] for _ in range(50)}
    assert len(names) == 50


def test_websockets_pass_both_ways(settings: Settings, proxy: Proxy, upstream: Apps) -> None:
    proxy.publish(serving("blog", upstream()))
    connection = websocket.create_connection(
        f"ws://127.0.0.1:{settings.http_port}/socket", host="blog.test", timeout=60
    )
    for text in ("hello", "again"):
        connection.send(text)
        assert connection.recv() == text
    connection.close()


def test_a_websocket_outlives_switches_and_a_reload(
    settings: Settings, proxy: Proxy, upstream: Apps
) -> None:
    proxy.publish(serving("blog", upstream()))
    connection = websocket.create_connection(
        f"ws://127.0.0.1:{settings.http_port}/socket", host="blog.test", timeout=60
    )
    proxy.publish(serving("blog", upstream()))
    proxy._nginx.reload()
    connection.send("still here")
    assert connection.recv() == "still here"
    connection.close()


def test_server_sent_events_arrive_while_the_answer_goes_on(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    app = upstream()
    proxy.publish(serving("blog", app))
    answer = visitor.get("blog.test", "/events", stream=True)
    events = answer.iter_content(None)
    assert next(events) == b"data: first ev\r\n"
    app.release.set()
    assert list(events) == []


def test_an_upload_reaches_the_app_before_it_ends_and_never_the_disk(
    settings: Settings, proxy: Proxy, upstream: Apps
) -> None:
    app = upstream()
    proxy.publish(serving("blog", app))
    size, part = 50 << 20, b"0123456789abcdef" * 4096
    content = hashlib.sha256()
    half_way = []

    def body() -> Iterator[bytes]:
        for sent in range(0, size, len(part)):
            if sent == size // 2:
                half_way.append(wait_for(lambda: app.uploaded > size // 4))
            content.update(part)
            yield part

    connection = http.client.HTTPConnection("127.0.0.1", settings.http_port, timeout=60)
    headers = {"Host": "blog.test", "Content-Length": str(size)}
    connection.request("POST", "/upload", body(), headers)
    assert connection.getresponse().read().decode() == content.hexdigest()
    assert half_way == [True]
    assert not [path for path in (settings.run_dir / "proxy/temp").rglob("*") if path.is_file()]


def wait_for(condition: Callable[[], bool], patience_s: float = 60) -> bool:
    deadline = time.monotonic() + patience_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_connections_to_an_app_are_used_again(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    app = upstream()
    proxy.publish(serving("blog", app))
    for _ in range(50):
        visitor.get("blog.test")
    assert len(app.requests) == 50
    assert app.connections <= 10  # one that was idle for a second is closed


def test_an_app_switched_away_from_gets_no_further_request(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    old, new = upstream("old"), upstream("new")
    proxy.publish(serving("blog", old))
    visitor.get("blog.test")
    proxy.publish(serving("blog", new))
    assert {visitor.get("blog.test").text for _ in range(20)} == {"new"}
    assert len(old.requests) == 1


def test_requests_are_shared_out_evenly(proxy: Proxy, upstream: Apps, visitor: Visitor) -> None:
    proxy.publish(serving("blog", upstream("one"), upstream("two")))
    answers = Counter(visitor.get("blog.test").text for _ in range(40))
    assert answers["one"] in range(19, 22)
    assert answers["two"] in range(19, 22)


def test_when_a_peer_dies_the_other_one_serves(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    one, two = upstream("one"), upstream("two")
    proxy.publish(serving("blog", one, two))
    assert {visitor.get("blog.test").text for _ in range(4)} == {"one", "two"}
    two.close()
    answers = [visitor.get("blog.test") for _ in range(30)]
    assert {answer.text for answer in answers} == {"one"}
    assert {answer.status_code for answer in answers} == {200}


def test_a_crash_costs_no_page_however_many_were_under_way(
    settings: Settings, proxy: Proxy, upstream: Apps
) -> None:
    one, two = upstream("one"), upstream("two")
    proxy.publish(serving("blog", one, two))
    url = f"http://127.0.0.1:{settings.http_port}/slow"
    with ThreadPoolExecutor(24) as visitors:
        asked = [
            visitors.submit(requests.get, url, headers={"Host": "blog.test"}, timeout=60)
            for _ in range(24)
        ]
        assert wait_for(lambda: len(one.requests) + len(two.requests) == 24)
        two.crash()
        one.release.set()
        answers = Counter((done.result().status_code, done.result().text) for done in asked)
    assert answers == {(200, "one"): 24}


def test_a_request_that_may_have_been_acted_on_is_not_repeated(
    settings: Settings, proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    one, two = upstream("one"), upstream("two")
    proxy.publish(serving("blog", one, two))
    one.close()
    two.close()
    answer = requests.post(
        f"http://127.0.0.1:{settings.http_port}/", data=b"x", headers={"Host": "blog.test"}
    )
    assert answer.status_code == 502


def test_the_apps_own_errors_pass_untouched(proxy: Proxy, upstream: Apps, visitor: Visitor) -> None:
    proxy.publish(serving("blog", upstream()))
    answer = visitor.get("blog.test", "/broken")
    assert (answer.status_code, answer.text) == (503, "the app's own words")


def test_an_app_cannot_send_the_proxy_elsewhere(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream()))
    assert visitor.get("blog.test", "/redirect-inside").text == "own"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Content-Length: +4\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Host: shop.test\r\n",
    ],
)
def test_requests_of_doubtful_length_or_host_are_refused(
    proxy: Proxy, upstream: Apps, visitor: Visitor, headers: bytes
) -> None:
    app = upstream()
    proxy.publish(serving("blog", app))
    smuggled = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: blog.test\r\n\r\n"
    answer = visitor.send(b"POST / HTTP/1.1\r\nHost: blog.test\r\n" + headers + b"\r\n" + smuggled)
    assert answer.split()[1] in (b"400", b"501")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert app.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        b"Transfer-Encoding : chunked\r\nContent-Length: 3\r\n",
        b"Transfer_Encoding: chunked\r\nContent-Length: 3\r\n",
        b"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    ],
)
def test_a_malformed_header_never_reaches_the_app(
    proxy: Proxy, upstream: Apps, visitor: Visitor, headers: bytes
) -> None:
    app = upstream()
    proxy.publish(serving("blog", app))
    head = b"POST / HTTP/1.1\r\nHost: blog.test\r\nConnection: close\r\n"
    visitor.send(head + headers + b"\r\nabc")
    assert not any(b"chunked" in head for head in app.requests)


def test_a_chunked_body_arrives_whole(
    settings: Settings, proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    url = f"http://127.0.0.1:{settings.http_port}/"
    for _ in range(3):  # on one connection, so that a body left over would be seen
        answer = visitor.session.post(
            url, data=iter([b"one", b"two"]), headers={"Host": "blog.test"}, timeout=60
        )
        assert answer.text == "blog"


def test_a_body_beyond_the_limit_is_refused_before_it_is_sent(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream()))
    connection = http.client.HTTPConnection("127.0.0.1", visitor.port, timeout=60)
    connection.putrequest("POST", "/", skip_host=True)
    connection.putheader("Host", "blog.test")
    connection.putheader("Content-Length", "99999999999")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
