"""The site as a pure value of its inputs."""

from dataclasses import replace
from pathlib import Path

import pytest

from paas.errors import PaasError
from paas.model.route import Peer, Route, RouteState
from paas.proxy.nginx import failure
from paas.proxy.ports import listens
from paas.proxy.render import Inputs, site
from paas.proxy.table import check_free, decode, encode

INPUTS = Inputs(
    sites=Path("/s/sites"),
    run=Path("/r"),
    logs=Path("/s/logs"),
    table=Path("/s/routes"),
    held=Path("/run/paas/requests-held"),
    modules=("/m/ndk.so", "/m/lua.so"),
    http=("0.0.0.0:80", "[::]:80 ipv6only=on"),
    https=("0.0.0.0:443",),
    more_http=(),
    more_https=(),
    doors=frozenset(),
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
    assert "listen [::]:80 ipv6only=on;" in lines
    assert "listen 0.0.0.0:443 ssl;" in lines
    assert lines.index("load_module /m/ndk.so;") < lines.index("load_module /m/lua.so;")


@pytest.mark.parametrize(
    ("address", "ipv6", "expected"),
    [
        ("0.0.0.0", True, ("0.0.0.0:80", "[::]:80 ipv6only=on")),
        ("0.0.0.0", False, ("0.0.0.0:80",)),
        ("10.0.0.1", True, ("10.0.0.1:80",)),
        ("::1", True, ("[::1]:80",)),
    ],
)
def test_only_every_address_means_both_families(
    address: str, ipv6: bool, expected: tuple[str, ...]
) -> None:
    assert listens(address, 80, ipv6=ipv6) == expected


def test_a_route_comes_back_as_it_went() -> None:
    route = Route("blog", ("a.test", "*.b.test"), (Peer("10.0.0.2", 5000),), RouteState.SERVING)
    assert decode(encode(route)) == {"blog": route}


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
