"""Waste: what a collection has freed, or would free, thing by thing. Pure values."""

from collections.abc import Iterable
from dataclasses import dataclass

from paas.model.limits import show_bytes

# every kind, in the order of a report, with what one and what several of it are called
KINDS = {
    "release": ("release", "releases"),
    "layer": ("layer", "layers"),
    "copy": ("layer stored twice", "layers stored twice"),
    "cache": ("build cache", "build caches"),
    "build-log": ("build log", "build logs"),
    "repository": ("repository", "repositories"),
    "network": ("network", "networks"),
    "leftover": ("leftover", "leftovers"),
}

NOTHING = "There was nothing to free"


@dataclass(frozen=True, slots=True)
class Waste:
    """One thing. app: whose it was, "" when it was nobody's alone."""

    kind: str
    name: str
    bytes: int = 0
    app: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one collection did. busy: apps left for the next one, since somebody was at them."""

    freed: tuple[Waste, ...] = ()
    busy: tuple[str, ...] = ()
    dry: bool = False

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.freed)

    @property
    def words(self) -> str:
        """`Freed 1.2 GiB: 12 layers, 1 release`."""
        verb = "Would free" if self.dry else "Freed"
        counts = ", ".join(counted(kind, len(of)) for kind, of in by_kind(self.freed).items())
        return f"{verb} {show_bytes(self.bytes)}: {counts}" if counts else NOTHING


def by_kind(freed: Iterable[Waste]) -> dict[str, list[Waste]]:
    """Waste by its kind, kinds in the order of a report."""
    found: dict[str, list[Waste]] = {kind: [] for kind in KINDS}
    for one in freed:
        found[one.kind].append(one)
    return {kind: of for kind, of in found.items() if of}


def counted(kind: str, count: int) -> str:
    return f"{count} {KINDS[kind][count != 1]}"
