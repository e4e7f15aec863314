"""Reading a trail of log files from a place on, each line with the place after it.

A file is known by the stamp of its first entry: names change when files are rotated, and
numbers of inodes come again. Touches: reads log files.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from paas.logs import files, line
from paas.logs.files import CHUNK, Trail
from paas.logs.line import Joiner, Line

HEAD_BYTES = 64
TRIES = 5
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Owed:
    """Parts of a line of the other stream, read already and not yet a whole line."""

    stream: str
    file: str
    offset: int


@dataclass(frozen=True, slots=True)
class Place:
    """How far a trail was read: a file's name as `birth` has it, and bytes of it."""

    file: str
    offset: int
    owed: Owed | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The next line of a trail, None where only the place moves on, and the place after it."""

    at: datetime
    line: Line | None
    place: Place | None


@dataclass(slots=True)
class Opened:
    """One file of a trail, open."""

    birth: str
    file: BinaryIO
    size: int
    changed_at: float
    read: int = 0  # behind the last whole entry that was read


def birth(file: BinaryIO) -> str:
    """What a file is known by for its whole life; "" while nothing is in it."""
    head = os.pread(file.fileno(), HEAD_BYTES, 0)
    first, space, _ = head.partition(b" ")
    return (first if space or len(head) == HEAD_BYTES else b"").decode("latin-1")


@contextmanager
def opened(trail: Trail) -> Iterator[list[Opened]]:
    """A trail's files with something in them, oldest first, as of one moment."""
    for _ in range(TRIES):
        with ExitStack() as stack:
            if found := together(trail, stack):
                yield [one for one in found if one.birth]
                return
        trail = looked_up(trail)
    yield []


def together(trail: Trail, stack: ExitStack) -> list[Opened] | None:
    """Its files, unless one was renamed meanwhile."""
    paths = trail.ordered()
    try:
        found = [open_one(path, stack) for path in paths]
        same = all(is_still(path, one) for path, one in zip(paths, found, strict=True))
    except FileNotFoundError:
        return None
    return found if same and looked_up(trail).ordered() == paths else None


def open_one(path: Path, stack: ExitStack) -> Opened:
    file = stack.enter_context(path.open("rb"))
    status = os.fstat(file.fileno())
    return Opened(birth(file), file, status.st_size, status.st_mtime)


def is_still(path: Path, one: Opened) -> bool:
    return path.stat().st_ino == os.fstat(one.file.fileno()).st_ino


def looked_up(trail: Trail) -> Trail:
    """The same trail with the files it has now."""
    if not trail.files:
        return trail
    directory = next(iter(trail.files.values())).parent
    for one in files.trails(directory, trail.source):
        if one.key == trail.key:
            return one
    return replace(trail, files={})


def steps(
    source: str, every: Sequence[Opened], place: Place, unfinished_s: float
) -> Iterator[Step]:
    """Lines from a place on, whose file is among those open.

    A line that is unfinished comes as it is once nothing was added for unfinished_s.
    """
    order = {one.birth: number for number, one in enumerate(every)}
    owed = place.owed if place.owed and place.owed.file in order else None
    joiner, began = Joiner(source), dict[str, Owed]()
    start = Place(owed.file, owed.offset) if owed else place
    last = LONG_AGO
    for one, offset, raw in entries(every, start):
        entry = line.parse(raw)
        stream = entry.stream.decode(errors="replace") if entry else ""
        passed = (order[one.birth], offset) < (order[place.file], place.offset)
        if entry is None or (passed and owed and stream != owed.stream):
            continue
        began.setdefault(stream, Owed(stream, one.birth, offset))
        found = joiner.feed(raw)
        if found or entry.whole:
            began.pop(stream)
        if found:
            last = found.at
            yield Step(last, found, Place(one.birth, one.read, first(began)))
    end = Place(every[-1].birth, every[-1].read)
    if began and every[-1].changed_at + unfinished_s < time.time():
        for found in joiner.rest():
            began.pop(found.stream, None)
            last = found.at
            yield Step(last, found, replace(end, owed=first(began)))
        began.clear()
    if not began:
        yield Step(last, None, end)


def first(began: dict[str, Owed]) -> Owed | None:
    """What is owed when a line of one stream has come: there are two streams."""
    return next(iter(began.values()), None)


def entries(every: Sequence[Opened], start: Place) -> Iterator[tuple[Opened, int, bytes]]:
    """Whole entries from a place on: the file, where in it one begins, and what it is."""
    begun = False
    for one in every:
        begun = begun or one.birth == start.file
        if not begun:
            continue
        one.read = start.offset if one.birth == start.file else 0
        one.file.seek(one.read)
        for raw in one.file:
            if not raw.endswith(b"\n"):
                break
            offset, one.read = one.read, one.read + len(raw)
            yield one, offset, raw[:-1]


def since(every: Sequence[Opened], moment: datetime) -> Place:
    """The place of the first entry that was written from a moment on, or the end."""
    start = Place(every[0].birth, 0)
    for one in every:
        if one.changed_at < moment.timestamp():
            start = Place(one.birth, earlier_than(one, moment))
    for one, offset, raw in entries(every, start):
        at = written_at(raw)
        if at is not None and at >= moment:
            return Place(one.birth, offset)
    return Place(every[-1].birth, every[-1].read)


def earlier_than(one: Opened, moment: datetime) -> int:
    """Where an entry begins that is older than a moment, near it; 0 when there is none."""
    position = one.size
    while position > 0:
        position = max(0, position - CHUNK)
        data = os.pread(one.file.fileno(), CHUNK, position)
        skipped = data.find(b"\n") + 1 if position else 0
        at = written_at(data[skipped:].partition(b"\n")[0])
        if at is not None and at < moment:
            return position + skipped
    return 0


def written_at(raw: bytes) -> datetime | None:
    entry = line.parse(raw)
    return line.moment(entry.stamp) if entry else None


def behind(every: Sequence[Opened], place: Place | None) -> Iterator[tuple[Opened, int]]:
    """Each file with something behind a place, and where that begins; all of them for None."""
    start = place or Place("", 0)
    begun = start.file not in {one.birth for one in every}
    for one in every:
        mine = one.birth == start.file
        begun = begun or mine
        offset = start.offset if mine else 0
        if begun and one.size > offset:
            yield one, offset
