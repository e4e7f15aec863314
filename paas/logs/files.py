"""The log files of an app on disk: which there are, in which order they were written.

    <logs>/<app>/web.1.<container id>.log      being written by conmon
    <logs>/<app>/web.1.<container id>.log.0    another name of it, see rotation
    <logs>/<app>/web.1.<container id>.log.1    older; .2 older still
    <logs>/<app>/paas.log, paas.log.1, ...     our own lines

Touches: reads those files.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from paas.logs.line import PAAS

NAME = re.compile(r"(?P<source>[a-z0-9-]+\.\d+)\.(?P<id>[a-z0-9]{10})\.log(?:\.(?P<age>\d+))?")
OURS = re.compile(r"paas\.log(?:\.(?P<age>\d+))?")
CURRENT = -1  # the age of the file that is being written
CHUNK = 1 << 16

Ends = dict[int, int]  # inode: how much of that file counts


@dataclass(slots=True)
class Trail:
    """Everything one container (or the platform itself) wrote: its files by age."""

    source: str
    container_id: str
    files: dict[int, Path] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return (self.source, self.container_id)

    def ordered(self) -> list[Path]:
        """Oldest first; a file with two names once."""
        every = [self.files[age] for age in sorted(self.files, reverse=True)]
        if CURRENT in self.files and same_file(self.files.get(0), self.files[CURRENT]):
            every.remove(self.files[0])
        return every


def place(path: Path) -> tuple[str, str, int] | None:
    """Source, container id ("" for ours) and age of a log file; None when it is none."""
    if found := OURS.fullmatch(path.name):
        return PAAS, "", int(found["age"] or CURRENT)
    if found := NAME.fullmatch(path.name):
        return found["source"], found["id"], int(found["age"] or CURRENT)
    return None


def trails(directory: Path, process: str | None = None) -> list[Trail]:
    """The trails of an app, of one process type (`web`), slot (`web.1`), or all."""
    found: dict[tuple[str, str], Trail] = {}
    for path in paths(directory):
        if (where := place(path)) is None:
            continue
        source, container_id, age = where
        if wanted(source, process):
            trail = found.setdefault((source, container_id), Trail(source, container_id))
            trail.files[age] = path
    return list(found.values())


def paths(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except FileNotFoundError:
        return []


def wanted(source: str, process: str | None) -> bool:
    """Whether somebody who asked for a process wants this source."""
    return process is None or process in (source, source.rpartition(".")[0])


def same_file(one: Path | None, other: Path | None) -> bool:
    """Whether two names are of one file."""
    try:
        return bool(one and other and one.samefile(other))
    except FileNotFoundError:
        return False


def entries(trail: Trail, ends: Ends | None = None) -> Iterator[bytes]:
    """Every entry of a trail, oldest first, up to where ends says.

    A file that is removed meanwhile is passed over.
    """
    for path in trail.ordered():
        try:
            with path.open("rb") as file:
                left = end_of(file, ends)
                for raw in file:
                    left -= len(raw)
                    if left < 0:
                        break
                    yield raw.rstrip(b"\n")
        except FileNotFoundError:
            continue


def last_entries(trail: Trail, number: int, ends: Ends | None = None) -> list[bytes]:
    """Enough entries from a trail's end to make `number` whole lines, oldest first."""
    found: list[bytes] = []
    missing = number
    for path in reversed(trail.ordered()):
        part = tail(path, missing, ends)
        found = part + found
        missing = number - sum(whole(raw) for raw in found)
        if missing <= 0:
            break
    return found


def tail(path: Path, number: int, ends: Ends | None = None) -> list[bytes]:
    """Entries from a file's end that hold at least `number` whole lines, or the whole file."""
    data = b""
    try:
        with path.open("rb") as file:
            position = end_of(file, ends)
            while position > 0 and sum(map(whole, data.split(b"\n")[1:])) <= number:
                step = min(position, max(CHUNK, len(data)))
                position -= step
                file.seek(position)
                data = file.read(step) + data
    except FileNotFoundError:
        return []
    every = data.split(b"\n")
    return [raw for raw in (every[1:] if position else every) if raw]


def end_of(file: BinaryIO, ends: Ends | None) -> int:
    """How far to read a file: its size, or what ends says; nothing of a file it doesn't know."""
    status = os.fstat(file.fileno())
    return status.st_size if ends is None else ends.get(status.st_ino, 0)


def last_boundary(file: BinaryIO) -> int:
    """Where a file's last whole entry ends: a write may be under way."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - CHUNK)
    file.seek(start)
    data = file.read(size - start)
    return start + data.rfind(b"\n") + 1 if b"\n" in data else start


def whole(raw: bytes) -> bool:
    """Whether an entry ends its line."""
    return raw.split(b" ", 3)[2:3] == [b"F"]
