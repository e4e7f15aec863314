"""Listening: the ports that nginx has open beside the ordinary ones, because apps were given them.

Touches: sockets bound for a moment, to see whether a port is free.
"""

import logging
from collections.abc import Iterable

from paas.errors import PaasError
from paas.model.ports import ORDINARY
from paas.model.route import Route
from paas.proxy import ports

log = logging.getLogger(__name__)

Doors = frozenset[tuple[str, int]]  # scheme and port
CLOSED: Doors = frozenset()


def asked_for(routes: Iterable[Route]) -> Doors:
    """What routes want open. Of two schemes for one port, the first in order has it."""
    found: dict[int, str] = {}
    for route in routes:
        for one in route.ports:
            if one.host not in ORDINARY:
                found.setdefault(one.host, one.scheme)
    return frozenset((scheme, port) for port, scheme in found.items())


def encode(doors: Doors) -> str:
    return "".join(f"{scheme} {port}\n" for scheme, port in sorted(doors))


def decode(text: str) -> Doors:
    pairs = [line.split(" ") for line in text.splitlines()]
    return frozenset((pair[0], int(pair[1])) for pair in pairs if len(pair) == 2)


def addresses(doors: Doors, scheme: str, address: str, *, ipv6: bool) -> tuple[str, ...]:
    """The listen parameters for a scheme."""
    found = sorted(port for name, port in doors if name == scheme)
    return tuple(one for port in found for one in ports.listens(address, port, ipv6=ipv6))


def opened(have: Doors, wanted: Doors, address: str, insisted: Doors = CLOSED) -> Doors:
    """What can be open of what is wanted: what is already, and what is free.

    Raises PaasError for one insisted upon that another program has.
    """
    found = set(have & wanted)
    for scheme, port in sorted(wanted - have):
        try:
            ports.check_free(address, port, "host port for the app")
        except PaasError as error:
            if (scheme, port) in insisted:
                raise
            log.warning("not open for apps: %s", error.message)
        else:
            found.add((scheme, port))
    return frozenset(found)


def check_schemes(routes: Iterable[Route], route: Route) -> None:
    """Raise PaasError when another app has one of the route's ports with another scheme."""
    mine = {one.host: one for one in route.ports}
    for other in routes:
        for one in other.ports:
            if one.host in mine and one.scheme != mine[one.host].scheme and other.app != route.app:
                raise PaasError(
                    f"port {one.host} is for {one.scheme}, as {other.app} has it",
                    f"choose another host port, or remove it there: paas ports:remove "
                    f"{other.app} {one.host}",
                )
