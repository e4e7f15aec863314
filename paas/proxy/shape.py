"""What of the routes nginx must be told by its configuration: ports, and apps with settings.

Pure. Everything else about a route is in the shared dictionary, and changes without a
reload; so most changes of most routes leave the shape as it is.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from paas.model.ports import ORDINARY
from paas.model.route import Route


@dataclass(frozen=True, slots=True)
class Block:
    """An app that has a server block of its own: for its settings, or to guard it."""

    app: str
    names: tuple[str, ...]
    settings: tuple[tuple[str, str], ...] = ()
    guarded: bool = False
    addresses: tuple[str, ...] = ()  # let in without a password


@dataclass(frozen=True, slots=True)
class Shape:
    """ports are those beside the instance's own, as (scheme, port).

    names belong to apps without a block, and would otherwise be another one's by a wildcard.
    """

    ports: tuple[tuple[str, int], ...] = ()
    blocks: tuple[Block, ...] = ()
    names: tuple[str, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()  # what holds for every app

    def without(self, apps: Iterable[str]) -> "Shape":
        """The shape when these apps have no settings; guarded ones stay guarded."""
        left_out = set(apps)
        blocks = (
            Block(one.app, one.names, (), one.guarded, one.addresses)
            if one.app in left_out
            else one
            for one in self.blocks
        )
        kept = tuple(one for one in blocks if one.settings or one.guarded)
        return Shape(self.ports, kept, self.names, self.defaults)


def of(
    routes: Mapping[str, Route], own: Iterable[int], defaults: Mapping[str, str] | None = None
) -> Shape:
    """The shape of all routes; own are the instance's ports for HTTP and HTTPS."""
    blocks = tuple(block(one) for one in routes.values() if needs_block(one))
    wildcards = {name[1:] for one in blocks for name in one.names if name.startswith("*.")}
    return Shape(
        ports=tuple(sorted(ports(routes.values(), set(own)))),
        blocks=blocks,
        names=tuple(sorted(carved(routes.values(), wildcards))) if wildcards else (),
        defaults=tuple(sorted((defaults or {}).items())),
    )


def concerns(route: Route | None) -> tuple[object, ...]:
    """What of a route can change the shape, as long as no block has a wildcard."""
    if route is None:
        return ()
    kinds = {(one.scheme, one.host) for one in route.ports}
    return (kinds, block(route) if needs_block(route) else None)


def needs_block(route: Route) -> bool:
    return bool(route.domains and (route.settings or route.guard))


def block(route: Route) -> Block:
    guard = route.guard
    addresses = guard.addresses if guard else ()
    return Block(route.app, route.domains, route.settings, guard is not None, addresses)


def ports(routes: Iterable[Route], own: set[int]) -> set[tuple[str, int]]:
    """What must be listened to beside the own ports; of two schemes the first has a port."""
    own = own.union(ORDINARY)
    found: dict[int, str] = {}
    for route in routes:
        for one in route.ports:
            if one.host not in own:
                found.setdefault(one.host, one.scheme)
    return {(scheme, port) for port, scheme in found.items()}


def carved(routes: Iterable[Route], wildcards: set[str]) -> Iterator[str]:
    """Names of apps without a block that lie under a block's wildcard."""
    for route in routes:
        if not needs_block(route):
            yield from (one for one in route.domains if covered(one, wildcards))


def covered(name: str, wildcards: set[str]) -> bool:
    """Whether one of the wildcards (`.example.com`) has the name under it."""
    rest = name.removeprefix("*")
    return any(rest.endswith(one) and name != f"*{one}" for one in wildcards)
