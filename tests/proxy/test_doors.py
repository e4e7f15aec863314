"""Ports that apps were given beside the ordinary one: opened, kept apart, and closed again."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from paas.command import Runner
from paas.errors import PaasError
from paas.model.ports import PortMapping
from paas.model.route import Peer, Route, RouteState
from paas.proxy.proxy import Proxy
from paas.proxy.table import decode, encode
from paas.settings import Settings
from tests.conftest import free_port
from tests.proxy.conftest import Visitor, serving
from tests.proxy.test_passing import wait_for
from tests.proxy.upstream import Upstream

Apps = Callable[..., Upstream]


@pytest.fixture
def other(upstream: Apps) -> Iterator[Upstream]:
    """What the first app's container has on a second port."""
    made = Upstream("other", "127.0.0.2")
    yield made
    made.close()


def mapped(route: Route, *pairs: tuple[int, int], scheme: str = "http") -> Route:
    return replace(route, ports=tuple(PortMapping(scheme, *pair) for pair in pairs))


def closed(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_leads_to_the_port_of_the_container_that_it_is_mapped_to(
    proxy: Proxy, upstream: Apps, other: Upstream, visitor: Visitor
) -> None:
    app, port = upstream("app"), free_port()
    proxy.publish(mapped(serving("blog", app), (80, app.peer.port), (port, other.peer.port)))
    assert visitor.get("blog.test").text == "app"
    there = Visitor(port).get("blog.test", "/headers")
    assert Visitor(port).get("blog.test").text == "other"
    assert there.status_code == 200
    assert proxy.doors() == {("http", port)}


def test_other_apps_are_not_there_and_an_app_may_leave_the_ordinary_port(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    blog, shop, port = upstream("blog"), upstream("shop"), free_port()
    proxy.publish(mapped(serving("blog", blog), (port, blog.peer.port)))
    proxy.publish(serving("shop", shop))
    assert Visitor(port).get("blog.test").text == "blog"
    assert visitor.get("shop.test").text == "shop"
    asked = b"GET / HTTP/1.1\r\nHost: %s.test\r\nConnection: close\r\n\r\n"
    assert visitor.send(asked % b"blog") == b""
    assert Visitor(port).send(asked % b"shop") == b""


def test_two_apps_share_a_port_by_their_domains_until_the_last_one_leaves_it(
    proxy: Proxy, upstream: Apps
) -> None:
    blog, shop, port = upstream("blog"), upstream("shop"), free_port()
    for app in (blog, shop):
        proxy.publish(mapped(serving(app.name, app), (port, app.peer.port)))
    visitor = Visitor(port)
    assert (visitor.get("blog.test").text, visitor.get("shop.test").text) == ("blog", "shop")
    proxy.publish(serving("blog", blog))
    assert not closed(port)
    proxy.withdraw("shop")
    assert wait_for(lambda: closed(port))
    assert proxy.doors() == frozenset()


def test_a_port_that_another_program_has_is_refused_and_nothing_changes(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    app = upstream("app")
    proxy.publish(serving("blog", app))
    with socket.socket() as program:
        program.bind(("0.0.0.0", 0))
        program.listen()
        port = program.getsockname()[1]
        with pytest.raises(PaasError, match=f"port {port} is taken by"):
            proxy.publish(mapped(serving("blog", app), (80, app.peer.port), (port, 9000)))
    assert proxy.routes()["blog"].ports == ()
    assert visitor.get("blog.test").text == "app"


def test_a_port_that_was_taken_meanwhile_stops_neither_nginx_nor_deploys(
    settings: Settings, proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    app, port = upstream("app"), free_port()
    route = mapped(serving("blog", app), (80, app.peer.port), (port, app.peer.port))
    proxy.publish(route)
    proxy.stop()
    assert wait_for(lambda: closed(port))
    with socket.socket() as program:
        program.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        program.bind(("0.0.0.0", port))
        program.listen()
        again = Proxy(settings, Runner())
        again.start()
        assert visitor.get("blog.test").text == "app"
        again.publish(route)
        assert again.doors() == frozenset()
    again.publish(route)
    assert Visitor(port).get("blog.test").text == "app"


def test_a_port_that_was_taken_is_opened_once_it_is_free(
    settings: Settings, proxy: Proxy, upstream: Apps
) -> None:
    app, port = upstream("app"), free_port()
    proxy.publish(mapped(serving("blog", app), (port, app.peer.port)))
    proxy.stop()
    assert wait_for(lambda: closed(port))
    with socket.create_server(("127.0.0.1", port)):
        proxy.start()
        proxy.publish(serving("shop", app))  # and others can change
        assert proxy.doors() == frozenset()
        Proxy(settings, Runner()).start()  # a new daemon knows what is open
    proxy.tend()
    assert Visitor(port).get("blog.test").text == "app"


def test_a_port_can_lead_to_an_app_whatever_the_host(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    app, port = upstream("blog"), free_port()
    ports = (PortMapping("http", port, 0),)
    route = Route("blog", (), (app.peer,), RouteState.SERVING, ports=ports, open_ports=(port,))
    proxy.publish(route)
    assert Visitor(port).get("anything.example").text == "blog"
    asked = b"GET / HTTP/1.1\r\nHost: anything.example\r\nConnection: close\r\n\r\n"
    assert visitor.send(asked) == b""
    with pytest.raises(PaasError, match=f"port {port} leads to blog, whatever the host"):
        proxy.publish(replace(route, app="shop"))


def test_an_app_at_one_address_of_the_machine_does_not_answer_at_another(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    app = upstream("blog")
    proxy.publish(replace(serving("blog", app), addresses=("127.0.0.1",)))
    assert visitor.get("blog.test").text == "blog"
    proxy.publish(replace(serving("blog", app), addresses=("127.0.0.9",)))
    asked = b"GET / HTTP/1.1\r\nHost: blog.test\r\nConnection: close\r\n\r\n"
    assert visitor.send(asked) == b""


def test_a_change_of_peers_alone_never_reloads(proxy: Proxy, upstream: Apps) -> None:
    one, two, port = upstream("one"), upstream("two"), free_port()
    proxy.publish(mapped(serving("blog", one), (port, one.peer.port)))
    site = proxy._control.site()
    route = mapped(serving("blog", two), (port, two.peer.port))
    proxy.publish(replace(route, peers=(Peer(two.peer.host, 1),)))
    assert Visitor(port).get("blog.test").text == "two"
    assert proxy._control.site() == site


def test_a_new_daemon_finds_the_ports_open_and_reloads_nothing(
    settings: Settings, proxy: Proxy, upstream: Apps
) -> None:
    app, port = upstream("app"), free_port()
    proxy.publish(mapped(serving("blog", app), (port, app.peer.port)))
    site = proxy._control.site()
    later = Proxy(settings, Runner())
    later.start()
    assert later._control.site() == site
    assert Visitor(port).get("blog.test").text == "app"


def test_a_port_has_one_scheme(proxy: Proxy, upstream: Apps) -> None:
    port = free_port()
    proxy.publish(mapped(serving("blog", upstream()), (port, 5000)))
    with pytest.raises(PaasError, match=f"port {port} is for http, as blog has it"):
        proxy.publish(mapped(serving("shop", upstream()), (port, 5000), scheme="https"))


def test_mappings_come_back_from_the_table_and_from_nginx(proxy: Proxy, upstream: Apps) -> None:
    app, port, secure = upstream(), free_port(), free_port()
    route = serving("blog", app)
    ports = (PortMapping("http", port, 9000), PortMapping("https", secure, 9001))
    route = replace(route, ports=ports)
    assert decode(encode(route)) == {"blog": route}
    proxy.publish(route)
    assert decode(proxy._control.table())["blog"].ports == ports
