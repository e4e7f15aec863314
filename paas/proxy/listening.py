"""Listening: the ports that nginx has open beside the ordinary ones, because apps were given them.

Pure.
"""

from collections.abc import Iterable

from paas.errors import PaasError
from paas.model.route import Route

Doors = frozenset[tuple[str, int]]  # scheme and port


def encode(doors: Iterable[tuple[str, int]]) -> str:
    """As a site keeps them, for the daemon after this one."""
    return "".join(f"{scheme} {port}\n" for scheme, port in sorted(doors))


def decode(text: str) -> Doors:
    """What encode wrote."""
    pairs = [line.split(" ") for line in text.splitlines()]
    return frozenset((pair[0], int(pair[1])) for pair in pairs if len(pair) == 2)


def check_free(routes: Iterable[Route], route: Route) -> None:
    """Raise PaasError when another app has one of the route's ports otherwise than it wants it."""
    mine = {one.host: one for one in route.ports}
    for other in routes:
        if other.app == route.app:
            continue
        for port in set(other.open_ports).intersection(route.open_ports):
            raise taken(port, f"leads to {other.app}, whatever the host", other.app)
        for one in other.ports:
            if one.host in mine and one.scheme != mine[one.host].scheme:
                raise taken(one.host, f"is for {one.scheme}, as {other.app} has it", other.app)


def taken(port: int, why: str, app: str) -> PaasError:
    """The sentence for a port that another app has."""
    return PaasError(
        f"port {port} {why}",
        f"choose another host port, or remove it there: paas ports:remove {app} {port}",
    )
