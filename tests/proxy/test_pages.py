"""What visitors see when no app answers."""

from collections.abc import Callable

import pytest

from paas.model.route import Peer, Route, RouteState
from paas.proxy.proxy import Proxy
from paas.proxy.render import pages
from tests.proxy.conftest import Visitor, serving
from tests.proxy.upstream import Upstream

STATES = {
    RouteState.UNDEPLOYED: (404, "Nothing is deployed here yet"),
    RouteState.STARTING: (503, "Just a moment"),
    RouteState.STOPPED: (503, "Paused for now"),
    RouteState.HELD: (503, "Back in a moment"),
    RouteState.DOWN: (502, "The app did not answer"),
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_has_its_page(proxy: Proxy, visitor: Visitor, state: RouteState) -> None:
    proxy.publish(Route("blog", ("blog.test",), (Peer("127.0.0.9", 1),), state))
    answer = visitor.get("blog.test", "/any/path?of=it")
    status, title = STATES[state]
    assert (answer.status_code, title in answer.text) == (status, True)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "127.0.0.9" not in answer.text
    assert "://" not in answer.text.replace("ssh://", "")


def test_a_starting_app_asks_to_be_tried_again(proxy: Proxy, visitor: Visitor) -> None:
    proxy.publish(Route("blog", ("blog.test",), state=RouteState.STARTING))
    answer = visitor.get("blog.test")
    assert answer.headers["Retry-After"] == "1"
    assert 'http-equiv="refresh"' in answer.text


def test_an_app_without_a_deploy_shows_how_to_push(
    settings: object, proxy: Proxy, visitor: Visitor
) -> None:
    proxy.publish(Route("blog", ("blog.test",)))
    port = settings.ssh_port  # type: ignore[attr-defined]
    assert f"git push ssh://paas@blog.test:{port}/blog main" in visitor.get("blog.test").text


def test_an_app_that_refuses_connections_is_down(
    proxy: Proxy, upstream: Callable[..., Upstream], visitor: Visitor
) -> None:
    app = upstream()
    proxy.publish(serving("blog", app))
    app.close()
    answer = visitor.get("blog.test")
    assert answer.status_code == 502
    assert "The app did not answer" in answer.text
    assert app.peer.host not in answer.text


def test_an_app_said_to_serve_without_a_peer_is_down(proxy: Proxy, visitor: Visitor) -> None:
    proxy.publish(serving("blog"))
    assert visitor.get("blog.test").status_code == 502


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("*/*", "text/html; charset=utf-8"),
        ("text/html,application/json", "text/html; charset=utf-8"),
    ],
)
def test_programs_get_json(proxy: Proxy, visitor: Visitor, accept: str, kind: str) -> None:
    proxy.publish(Route("blog", ("blog.test",), state=RouteState.STOPPED))
    answer = visitor.get("blog.test", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, kind)
    if kind == "application/json":
        assert answer.json() == {
            "error": "stopped",
            "app": "blog",
            "message": "the app is stopped",
        }


def test_the_visitors_host_is_escaped(proxy: Proxy, visitor: Visitor) -> None:
    proxy.publish(Route("blog", ("*.test",), state=RouteState.STOPPED))
    answer = visitor.get("<script>alert(1)<.test")
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text or answer.status_code == 400


def test_every_state_but_serving_has_a_page() -> None:
    assert set(pages(2222)) == set(RouteState) - {RouteState.SERVING}
