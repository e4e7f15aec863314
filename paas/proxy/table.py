"""All routes in one small text file, which nginx reads at its start and control.lua understands.

Touches: the file of the table. Written whole and durably (temp, fsync, rename,
fsync of the directory), so that it is always the old table or the new one.
"""

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from paas.errors import PaasError, UsageError
from paas.model.ports import PortMapping, mapping
from paas.model.route import Peer, Route, RouteState

WORD = re.compile(r"[A-Za-z0-9.*:\[\]-]+")


def encode(route: Route) -> str:
    """`key value` lines. Raises PaasError for a word that would not come back as it went."""
    lines = [f"app {word(route.app)}", f"state {route.state}"]
    if route.state is RouteState.HELD:
        lines.append(f"hold {route.hold_s:g}")
    lines += [f"domain {word(domain)}" for domain in route.domains]
    lines += [f"peer {word(peer.host)} {peer.port}" for peer in route.peers]
    lines += [f"port {word(one.scheme)} {one.host} {one.container}" for one in route.ports]
    return "\n".join(lines) + "\n"


def word(text: str) -> str:
    """The text, when it is one word of the table."""
    if WORD.fullmatch(text):
        return text
    raise PaasError(f"{text[:80]!r} cannot be part of a route")


def decode(text: str) -> dict[str, Route]:
    """Routes by app. Lines that make no sense are left out: the rest still serves."""
    routes: dict[str, Route] = {}
    for block in re.split(r"^(?=app )", text, flags=re.MULTILINE):
        if route := decode_one(block.splitlines()):
            routes[route.app] = route
    return routes


def decode_one(lines: list[str]) -> Route | None:
    """One app's lines as a route; None when they are not one."""
    pairs = [line.partition(" ")[::2] for line in lines]
    values = dict(pairs)
    if "app" not in values or values.get("state") not in list(RouteState):
        return None
    return Route(
        app=values["app"],
        domains=tuple(value for key, value in pairs if key == "domain"),
        peers=tuple(peers(value for key, value in pairs if key == "peer")),
        state=RouteState(values["state"]),
        hold_s=seconds(values.get("hold", "")),
        ports=tuple(mappings(value for key, value in pairs if key == "port")),
    )


def peers(values: Iterable[str]) -> Iterable[Peer]:
    """`10.0.0.2 5000` values as peers."""
    for value in values:
        host, _, port = value.partition(" ")
        if host and port.isdecimal():
            yield Peer(host, int(port))


def mappings(values: Iterable[str]) -> Iterable[PortMapping]:
    """`http 8080 9000` values as mappings."""
    for value in values:
        with suppress(UsageError):
            yield mapping(value.replace(" ", ":"))


def seconds(text: str) -> float:
    """A number of seconds, 0 for what is none."""
    try:
        return float(text)
    except ValueError:
        return 0


def encode_all(routes: Mapping[str, Route]) -> str:
    """The whole table."""
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
    """The file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Route]:
        """Routes by app; none when nothing was ever routed."""
        try:
            return decode(self.path.read_text(errors="replace"))
        except FileNotFoundError:
            return {}

    def write(self, text: str) -> None:
        """Replace the table; on the disk when this returns."""
        write_durably(self.path, text)


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
