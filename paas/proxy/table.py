"""All routes in one small text file, which nginx reads at its start and control.lua understands.

Touches: the file of the table. Written whole and durably (temp, fsync, rename,
fsync of the directory), so that it is always the old table or the new one.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from paas.errors import PaasError
from paas.model.ports import PortMapping
from paas.model.route import Guard, Peer, Redirect, Route, RouteState

WORD = re.compile(r"[A-Za-z0-9.*:\[\]-]+")
ROUTES_KEPT = 20_000  # encoded, so that a change of one does not encode all others again
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Content:
    """Routes by app, and what nginx is told for all of them."""

    routes: Mapping[str, Route] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)


@lru_cache(ROUTES_KEPT)
def encode(route: Route) -> str:
    """`key value` lines. Raises PaasError for a word that would not come back as it went."""
    return "".join(f"{key} {line(value)}\n" for key, value in pairs(route))


def pairs(route: Route) -> Iterator[Pair]:
    """What a route says, as the lines of the table."""
    yield "app", word(route.app)
    yield "state", route.state
    if route.state is RouteState.HELD:
        yield "hold", f"{route.hold_s:g}"
    yield from (("domain", word(domain)) for domain in route.domains)
    yield from ports(route)
    single = {"certificate": route.certificate, "hsts": route.hsts, "page": route.page}
    yield from ((key, value) for key, value in single.items() if value)
    for one in route.redirects:
        yield "redirect", f"{word(one.source)} {word(one.destination)} {one.code}"
    if route.guard:
        yield "guard", "on"
        yield from (("user", f"{name} {hash_}") for name, hash_ in route.guard.users)
        yield from (("allow", address) for address in route.guard.addresses)
    yield from (("address", address) for address in route.addresses)
    yield from (("set", f"{key} {value}") for key, value in route.settings)
    yield from (("peer", f"{word(peer.host)} {peer.port}") for peer in route.peers)


def ports(route: Route) -> Iterator[Pair]:
    yield from (("open", str(port)) for port in route.open_ports)
    yield from (("port", f"{one.scheme} {one.host} {one.container}") for one in route.ports)
    if route.upgrade:
        yield "upgrade", "on"


def word(text: str) -> str:
    """The text, when it is one word of the table."""
    if WORD.fullmatch(text):
        return text
    raise PaasError(f"{text[:80]!r} cannot be part of a route")


def line(text: str) -> str:
    """The text, when it is one line of the table."""
    if text and text.isprintable():
        return text
    raise PaasError("a route has something in it that is not one line of text")


def decode(text: str) -> dict[str, Route]:
    """Routes by app. Lines that make no sense are left out: the rest still serves."""
    routes: dict[str, Route] = {}
    for block in re.split(r"^(?=app )", text, flags=re.MULTILINE):
        if route := decode_one(block.splitlines()):
            routes[route.app] = route
    return routes


def decode_one(lines: list[str]) -> Route | None:
    """One app's lines as a route; None when they are not one."""
    found: dict[str, list[str]] = {}
    for key, _, value in (one.partition(" ") for one in lines):
        found.setdefault(key, []).append(value)
    single = {key: values[-1] for key, values in found.items()}
    if "app" not in single or single.get("state") not in list(RouteState):
        return None
    try:
        return Route(
            app=single["app"],
            domains=tuple(found.get("domain", ())),
            peers=tuple(Peer(host, int(port)) for host, port in split(found, "peer", 2)),
            state=RouteState(single["state"]),
            hold_s=float(single.get("hold", 0)),
            ports=tuple(
                PortMapping(scheme, int(host), int(inside))
                for scheme, host, inside in split(found, "port", 3)
            ),
            open_ports=tuple(int(port) for port in found.get("open", ())),
            upgrade="upgrade" in found,
            certificate=single.get("certificate", ""),
            hsts=single.get("hsts", ""),
            redirects=tuple(
                Redirect(source, destination, int(code))
                for source, destination, code in split(found, "redirect", 3)
            ),
            guard=guard(found),
            addresses=tuple(found.get("address", ())),
            page=single.get("page", ""),
            settings=tuple(settings(found.get("set", ()))),
        )
    except ValueError:
        return None


def split(found: Mapping[str, list[str]], key: str, count: int) -> Iterator[list[str]]:
    """The words of a key's lines, of those that have so many."""
    for value in found.get(key, ()):
        words = value.split(" ")
        if len(words) == count:
            yield words


def guard(found: Mapping[str, list[str]]) -> Guard | None:
    if "guard" not in found:
        return None
    users = tuple((name, hash_) for name, hash_ in split(found, "user", 2))
    return Guard(users, tuple(found.get("allow", ())))


def settings(lines: Iterable[str]) -> Iterator[Pair]:
    """`client-max-body-size 50m` lines as pairs."""
    for text in lines:
        key, space, value = text.partition(" ")
        if space:
            yield key, value


def encode_all(routes: Mapping[str, Route]) -> str:
    """Every route."""
    return "".join(encode(route) for route in routes.values())


def check_free(routes: Mapping[str, Route], route: Route) -> None:
    """Raise PaasError when a domain of the route belongs to another app already."""
    wanted = set(route.domains)
    for other in routes.values():
        if other.app != route.app and (found := wanted.intersection(other.domains)):
            raise taken(min(found), other.app)


def taken(domain: str, app: str) -> PaasError:
    """The sentence for a domain that another app has."""
    return PaasError(
        f"{domain} is routed to app {app} already",
        f"remove it there first: domains:remove {app} {domain}",
    )


class Table:
    """The file: what holds for every app, then the routes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Content:
        """What was written last; nothing when nothing was ever routed."""
        try:
            text = self.path.read_text(errors="replace")
        except FileNotFoundError:
            return Content()
        head = re.split(r"^app ", text, maxsplit=1, flags=re.MULTILINE)[0]
        sets = [one.removeprefix("set ") for one in head.splitlines() if one.startswith("set ")]
        return Content(decode(text), dict(settings(sets)))

    def write(self, content: Content) -> None:
        """Replace the table; on the disk when this returns."""
        head = "".join(f"set {key} {value}\n" for key, value in content.defaults.items())
        write_durably(self.path, head + encode_all(content.routes))


def write_durably(path: Path, text: str) -> None:
    """Replace a file, mode 0600, so that after a power cut it is the old one or the new one."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Have the names in a directory on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
