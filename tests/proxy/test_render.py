"""The site as a pure value of its inputs."""

from dataclasses import replace
from pathlib import Path

import pytest

from paas.errors import PaasError
from paas.model.ports import PortMapping
from paas.model.route import Guard, Peer, Redirect, Route, RouteState
from paas.proxy.nginx import failure
from paas.proxy.ports import addresses
from paas.proxy.render import Inputs, site
from paas.proxy.table import Content, Table, check_free, decode, encode

INPUTS = Inputs(
    sites=Path("/s/sites"),
    run=Path("/r"),
    logs=Path("/s/logs"),
    table=Path("/s/routes"),
    held=Path("/run/paas/requests-held"),
    certificates=Path("/s/certificates"),
    pages=Path("/s/pages"),
    webhooks=Path("/r/webhooks.sock"),
    modules=("/m/ndk.so", "/m/lua.so"),
    addresses=("0.0.0.0", "[::]"),
    http_port=80,
    https_port=443,
    ssh_port=2222,
    workers=2,
    open_files=20000,
    connections=16384,
)


def test_the_same_inputs_give_the_same_site_and_others_another() -> None:
    assert site(INPUTS) == site(INPUTS)
    assert site(replace(INPUTS, workers=3)).digest != site(INPUTS).digest
    assert site(replace(INPUTS, ssh_port=22)).digest != site(INPUTS).digest


def test_the_configuration_says_where_it_listens_and_in_which_order_modules_load() -> None:
    lines = [line.strip() for line in site(INPUTS).files["nginx.conf"].splitlines()]
    assert "listen 0.0.0.0:80;" in lines
    assert "listen [::]:80;" in lines
    assert "listen 0.0.0.0:443 ssl http2;" in lines
    assert lines.index("load_module /m/ndk.so;") < lines.index("load_module /m/lua.so;")


@pytest.mark.parametrize(
    ("address", "ipv6", "expected"),
    [
        ("0.0.0.0", True, ("0.0.0.0", "[::]")),
        ("0.0.0.0", False, ("0.0.0.0",)),
        ("10.0.0.1", True, ("10.0.0.1",)),
        ("::1", True, ("[::1]",)),
    ],
)
def test_only_every_address_means_both_families(
    address: str, ipv6: bool, expected: tuple[str, ...]
) -> None:
    assert addresses(address, ipv6=ipv6) == expected


ROUTES = (
    Route("blog", ("a.test", "*.b.test"), (Peer("10.0.0.2", 5000),), RouteState.SERVING),
    Route("shop", (), state=RouteState.HELD, hold_s=30),
    Route(
        "full",
        ("full.test", "old.test"),
        (Peer("10.0.0.2", 5000), Peer("10.0.0.3", 5000)),
        RouteState.SERVING,
        ports=(PortMapping("http", 80, 5000), PortMapping("https", 443, 5000)),
        open_ports=(8080,),
        upgrade=True,
        certificate="0" * 32,
        hsts="max-age=15724800; includeSubDomains",
        redirects=(Redirect("old.test", "full.test", 302),),
        guard=Guard((("ann", "$2b$10$abc./x"),), ("10.0.0.0/8", "::1")),
        addresses=("127.0.0.1",),
        page="f" * 32,
        settings=(("client-max-body-size", "5m"), ("proxy-buffers", "8 16k")),
    ),
)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.app)
def test_a_route_comes_back_as_it_went(route: Route) -> None:
    assert decode(encode(route)) == {route.app: route}


def test_what_holds_for_every_app_comes_back_beside_the_routes(tmp_path: Path) -> None:
    table = Table(tmp_path / "routes")
    content = Content({route.app: route for route in ROUTES}, {"proxy-buffers": "4 8k"})
    table.write(content)
    assert table.read() == content


def test_nothing_that_spans_lines_gets_into_the_table() -> None:
    with pytest.raises(PaasError):
        encode(replace(ROUTES[0], settings=(("send-timeout", "1s\npeer 10.9.9.9 80"),)))


def test_the_message_of_a_conflict_says_how_to_resolve_it() -> None:
    routes = {"blog": Route("blog", ("a.test", "b.test"))}
    with pytest.raises(PaasError) as raised:
        check_free(routes, Route("shop", ("b.test",)))
    assert raised.value.hint == "remove it there first: domains:remove blog b.test"
    check_free(routes, Route("blog", ("b.test",)))


def test_the_first_serious_complaint_of_nginx_is_what_a_person_reads() -> None:
    stderr = b"nginx: [warn] mild\nnginx: [emerg] bind() to [::]:80 failed\nnginx: [emerg] later\n"
    assert failure("nginx did not start", stderr).message.endswith(": bind() to [::]:80 failed")
    assert failure("nginx did not start", b"").message == "nginx did not start: it said nothing"
