"""Which app answers for which host."""

from collections.abc import Callable

import pytest
import requests

from paas.errors import PaasError
from paas.model.route import Route
from paas.proxy.proxy import Proxy
from tests.proxy.conftest import Visitor, serving
from tests.proxy.upstream import Upstream

Apps = Callable[..., Upstream]


@pytest.mark.parametrize(
    "host", ["blog.test", "BLOG.Test", "blog.test:80", "blog.test.", "Blog.Test.:8080"]
)
def test_a_domain_leads_to_its_app_however_it_is_written(
    proxy: Proxy, upstream: Apps, visitor: Visitor, host: str
) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    assert visitor.get(host).text == "blog"


def test_the_exact_domain_wins_over_the_nearest_wildcard_over_the_farther(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    for app, domain in (("far", "*.test"), ("near", "*.blog.test"), ("exact", "www.blog.test")):
        proxy.publish(serving(app, upstream(app), domains=(domain,)))
    hosts = ("www.blog.test", "other.blog.test", "a.b.blog.test", "blog.test", "shop.test")
    assert [visitor.get(host).text for host in hosts] == ["exact", "near", "near", "far", "far"]


@pytest.mark.parametrize("host", ["nobody.test", "test", "127.0.0.1", "blog.test.evil", "<a>"])
def test_an_unknown_host_is_hung_up_on(
    proxy: Proxy, upstream: Apps, visitor: Visitor, host: str
) -> None:
    proxy.publish(serving("blog", upstream("blog"), domains=("blog.test", "*.test")))
    proxy.publish(serving("blog", upstream("blog")))
    with pytest.raises(requests.ConnectionError):
        visitor.get(host)


def test_a_request_without_a_host_is_hung_up_on(proxy: Proxy, visitor: Visitor) -> None:
    assert visitor.send(b"GET / HTTP/1.0\r\n\r\n") == b""


def test_the_host_of_the_request_line_is_what_the_app_sees(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    blog = upstream("blog")
    proxy.publish(serving("blog", blog))
    line = b"GET http://blog.test/ HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"
    assert visitor.send(line).endswith(b"blog")
    assert b"shop.test" not in blog.requests[0]


def test_two_apps_cannot_have_the_same_domain(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    with pytest.raises(PaasError, match=r"blog\.test is routed to app blog already"):
        proxy.publish(serving("thief", upstream("thief"), domains=("thief.test", "BLOG.test.")))
    assert visitor.get("blog.test").text == "blog"
    assert set(proxy.routes()) == {"blog"}


def test_a_domain_moves_once_its_app_gave_it_up(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    blog, shop = upstream("blog"), upstream("shop")
    proxy.publish(serving("blog", blog, domains=("blog.test", "shared.test")))
    proxy.publish(serving("blog", blog))
    with pytest.raises(requests.ConnectionError):
        visitor.get("shared.test")
    proxy.publish(serving("shop", shop, domains=("shared.test",)))
    assert visitor.get("shared.test").text == "shop"


def test_a_withdrawn_app_is_unknown_and_its_neighbours_stay(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    proxy.publish(serving("shop", upstream("shop")))
    proxy.withdraw("blog")
    proxy.withdraw("blog")
    with pytest.raises(requests.ConnectionError):
        visitor.get("blog.test")
    assert visitor.get("shop.test").text == "shop"


@pytest.mark.parametrize("app", ["a\nstate serving", "a b", "../a", ""])
def test_a_name_that_would_break_the_table_is_refused(proxy: Proxy, app: str) -> None:
    with pytest.raises(PaasError):
        proxy.publish(Route(app, ("a.test",)))
    assert proxy.routes() == {}
