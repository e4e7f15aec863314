"""What a container has written: which paths it added, changed and deleted over its layers.

Touches: a writable layer that the container may be changing meanwhile: gone down without
following links, looked at and never opened. Source: overlayfs.rst.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from paas.errors import PaasError
from paas.image.descend import descended
from paas.image.lookup import is_opaque

AT_MOST = 200_000
DEEPEST = 200


class Kind(StrEnum):
    """As Docker's diff has them."""

    ADDED = "A"
    CHANGED = "C"
    DELETED = "D"


@dataclass(frozen=True, slots=True)
class Change:
    """One path; size of a file that is there now, 0 for everything else."""

    kind: Kind
    path: str
    bytes: int = 0


def changes(upper: Path, layers: Sequence[Path]) -> list[Change]:
    """Every change of a writable layer over layers, bottom first; in the order of paths.

    Raises PaasError when there are too many to be listed.
    """
    found: list[Change] = []
    pending: list[tuple[str, ...]] = [()]
    while pending:
        place = pending.pop()
        for change, is_directory in inside(upper, layers, place):
            found.append(change)
            if is_directory and len(place) < DEEPEST:
                pending.append((*place, change.path.rpartition("/")[2]))
        if len(found) > AT_MOST:
            raise PaasError(f"the container has changed more than {AT_MOST:,} paths")
    return sorted(found, key=lambda one: one.path)


def inside(
    upper: Path, layers: Sequence[Path], place: tuple[str, ...]
) -> list[tuple[Change, bool]]:
    """The changes directly in one directory, and which of them are directories to go into."""
    try:
        with descended(upper, *place) as folder:
            opaque, mine = is_opaque(folder), dict(entries(folder))
    except OSError:
        return []  # it went away meanwhile
    before = shown(layers, place)
    found = [
        (change("/".join(("", *place, name)), status, is_old=name in before), is_folder(status))
        for name, status in mine.items()
    ]
    gone = before - mine.keys() if opaque else set()
    return found + [(Change(Kind.DELETED, "/".join(("", *place, name))), False) for name in gone]


def entries(folder: int) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as scan:
        for entry in scan:
            with suppress(OSError):
                yield entry.name, entry.stat(follow_symlinks=False)


def change(path: str, status: os.stat_result, *, is_old: bool) -> Change:
    """What one entry of the writable layer means."""
    if is_whiteout(status):
        return Change(Kind.DELETED, path)
    size = status.st_size if stat.S_ISREG(status.st_mode) else 0
    return Change(Kind.CHANGED if is_old else Kind.ADDED, path, size)


def shown(layers: Sequence[Path], place: tuple[str, ...]) -> set[str]:
    """The names that layers show in a directory, by the overlay's rules."""
    found: set[str] = set()
    removed: set[str] = set()
    for layer in reversed(layers):
        mine, hides = listed(layer, place)
        found |= {name for name, whiteout in mine.items() if not whiteout} - removed
        removed |= {name for name, whiteout in mine.items() if whiteout}
        if hides:
            break
    return found


def listed(layer: Path, place: tuple[str, ...]) -> tuple[dict[str, bool], bool]:
    """What one layer has in a directory (True: a whiteout), and whether it hides layers below."""
    hides = False
    for depth in range(len(place) + 1):
        try:
            with descended(layer, *place[:depth]) as folder:
                hides |= is_opaque(folder)
                if depth == len(place):
                    return {name: is_whiteout(one) for name, one in entries(folder)}, hides
        except FileNotFoundError:
            return {}, hides
        except OSError:  # a file, a link or a whiteout where layers below may have a directory
            return {}, True
    return {}, hides


def is_folder(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode)


def is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
