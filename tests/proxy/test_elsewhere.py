"""Hosts that are sent on to others, and apps that are down for maintenance."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from paas.model.certificate import self_signed
from paas.model.ports import PortMapping
from paas.model.route import Redirect, Route, RouteState
from paas.proxy.proxy import Proxy
from paas.settings import Settings
from tests.proxy.conftest import Shelf, Visitor, serving
from tests.proxy.upstream import Upstream

Apps = Callable[..., Upstream]


@pytest.fixture
def blog(upstream: Apps) -> Route:
    return serving("blog", upstream("blog"), domains=("blog.test", "www.blog.test"))


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_host_is_sent_on_with_its_path(
    blog: Route, proxy: Proxy, visitor: Visitor, settings: Settings, code: int
) -> None:
    proxy.publish(replace(blog, redirects=(Redirect("www.blog.test", "blog.test", code),)))
    answer = visitor.get("www.blog.test", "/a?b=c", allow_redirects=False)
    assert answer.status_code == code
    assert answer.headers["Location"] == f"http://blog.test:{settings.http_port}/a?b=c"
    assert visitor.get("blog.test").text == "blog"


def test_a_host_is_sent_to_https_where_its_destination_is(
    blog: Route, proxy: Proxy, visitor: Visitor, shelf: Shelf, settings: Settings
) -> None:
    certificate = self_signed(["blog.test", "www.blog.test"])
    inside = blog.peers[0].port
    proxy.publish(
        replace(
            blog,
            ports=(PortMapping("http", 80, inside), PortMapping("https", 443, inside)),
            upgrade=True,
            certificate=shelf.add(certificate),
            redirects=(Redirect("www.blog.test", "blog.test"),),
        )
    )
    place = f"https://blog.test:{settings.https_port}/x"
    plain = visitor.get("www.blog.test", "/x", allow_redirects=False)
    assert plain.headers["Location"] == place
    secure = visitor.secure(settings.https_port, "www.blog.test", "/x", certificate.chain)
    assert (secure.status, secure.headers["Location"]) == (301, place)


def test_a_redirect_that_is_gone_leaves_the_host_as_it_was(
    blog: Route, proxy: Proxy, visitor: Visitor
) -> None:
    proxy.publish(replace(blog, redirects=(Redirect("www.blog.test", "blog.test"),)))
    proxy.publish(blog)
    assert visitor.get("www.blog.test").text == "blog"


def test_maintenance_shows_a_page_while_the_app_runs(
    blog: Route, proxy: Proxy, visitor: Visitor
) -> None:
    proxy.publish(replace(blog, state=RouteState.MAINTENANCE))
    page = visitor.get("blog.test", "/any/path")
    assert page.status_code == 503
    assert "Down for maintenance" in page.text
    assert int(page.headers["Retry-After"]) > 0
    wanted = visitor.get("blog.test", headers={"Accept": "application/json"})
    assert wanted.json()["error"] == "maintenance"
    proxy.publish(blog)
    assert visitor.get("blog.test").text == "blog"


def test_an_app_s_own_page_has_its_pictures(
    blog: Route, proxy: Proxy, visitor: Visitor, shelf: Shelf, settings: Settings
) -> None:
    shelf.pages["p1"] = {"maintenance.html": b"<img src=/img/cat.png>", "img/cat.png": b"PNG"}
    proxy.publish(replace(blog, state=RouteState.MAINTENANCE, page="p1"))
    page = visitor.get("blog.test", "/anything")
    assert (page.status_code, page.text) == (503, "<img src=/img/cat.png>")
    assert page.headers["Content-Type"].startswith("text/html")
    picture = visitor.get("blog.test", "/img/cat.png")
    assert (picture.content, picture.headers["Content-Type"]) == (b"PNG", "image/png")
    for path in ("/../p1/../../routes", "/img/..%2froutes", "/.hidden.html", "/img", "/routes"):
        assert visitor.get("blog.test", path).text == page.text, path
    proxy.publish(blog)
    assert not (settings.state_dir / "proxy/pages/p1").exists()


def test_a_certificate_authority_is_answered_while_it_was_told_so(
    blog: Route, proxy: Proxy, visitor: Visitor
) -> None:
    proxy.publish(replace(blog, state=RouteState.STOPPED, peers=()))
    path = "/.well-known/acme-challenge/tok-En_1"
    proxy.challenge("blog.test", "tok-En_1", "tok-En_1.thumb")
    assert visitor.get("blog.test", path).text == "tok-En_1.thumb"
    assert visitor.get("www.blog.test", path).status_code == 503
    proxy.challenge("blog.test", "tok-En_1", None)
    assert visitor.get("blog.test", path).status_code == 503
    proxy.publish(blog)
    assert visitor.get("blog.test", path).text == "blog"
