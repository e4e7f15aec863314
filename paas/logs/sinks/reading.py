"""What one app has for one sink: its lines in batches, and how far they were taken.

Touches: reads the app's log files; the file of places. Used by one thread; others may look.
"""

import heapq
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from paas.logs import files
from paas.logs.files import CHUNK, Trail
from paas.logs.line import PAAS, Line
from paas.logs.sinks import trailing
from paas.logs.sinks.places import Key, Places
from paas.logs.sinks.trailing import LONG_AGO, Opened, Place, Step

log = logging.getLogger(__name__)

BATCH_BYTES, BATCH_LINES = 256 << 10, 1000
UNFINISHED_S = 0.5
# how long what was being read is missed before it is given up: an app may be on its way to
# another name
MISSED_S = 5.0
COUNTED_BYTES = 8 << 20  # of what is behind, lines are counted in so much

Signature = tuple[tuple[str, int, int], ...]
Source = Iterator[tuple[Key, Step]]


@dataclass(slots=True)
class Batch:
    """Lines by time, and where their trails are once they were taken (None: gone)."""

    lines: list[Line] = field(default_factory=list)
    places: dict[Key, Place | None] = field(default_factory=dict)
    ended: set[Key] = field(default_factory=set)  # trails of which this is all
    signed: dict[Key, Signature] = field(default_factory=dict)
    full: bool = False
    again: bool = False  # there is more in a moment, without a file that changes


class Reading:
    """One app's trails and their places. It begins with what was written since a moment."""

    def __init__(self, directory: Path, kept: Places, since: datetime) -> None:
        self.directory = directory
        self._kept = kept
        self._at_end: dict[Key, Signature] = {}
        self._sizes: dict[Key, dict[str, int]] = {}
        self._missed_at: dict[Key, float] = {}
        known = kept.load()
        self.places = self._places_at(since) if known is None else known
        if known is None:
            self._keep()

    def _places_at(self, since: datetime) -> dict[Key, Place]:
        """Of every trail there is; those that come later are read from their beginning."""
        found = {}
        for trail in files.trails(self.directory):
            with trailing.opened(trail) as every:
                if every:
                    found[trail.key] = trailing.since(every, since)
        return found

    def batch(self) -> Batch:
        """The next lines; nothing of it counts until taken() is called."""
        made, size = Batch(), 0
        with ExitStack() as stack:
            for key, step in heapq.merge(*self._sources(stack, made), key=lambda one: one[1].at):
                made.places[key] = step.place
                if step.line is None:
                    made.ended.add(key)
                    continue
                made.lines.append(step.line)
                size += len(step.line.text)
                if size > BATCH_BYTES or len(made.lines) >= BATCH_LINES:
                    made.full = True
                    break
        return made

    def taken(self, batch: Batch) -> None:
        """The sink has them: go on behind them, also after a restart."""
        places = {**self.places, **batch.places}
        now = {key: place for key, place in places.items() if place is not None}
        if now != self.places:
            self.places = now
            self._keep()
        for key, place in batch.places.items():
            if place is None:
                for known in (self._at_end, self._sizes, self._missed_at):
                    known.pop(key, None)
            elif key in batch.ended:
                self._at_end[key] = batch.signed[key]

    def _keep(self) -> None:
        """On disk, as far as there is room: without it the next daemon repeats some lines."""
        try:
            self._kept.save(self.places)
        except OSError as error:
            log.warning("how far logs were shipped cannot be kept: %s", error)

    # -- trails ------------------------------------------------------------------------

    def _sources(self, stack: ExitStack, made: Batch) -> list[Source]:
        """One for each trail that has something new."""
        found = {one.key: one for one in files.trails(self.directory)}
        sources: list[Source] = [self._gone(key, made) for key in self.places.keys() - found.keys()]
        for key, trail in found.items():
            signature = signed(trail)
            if self._at_end.get(key) != signature:
                every = stack.enter_context(trailing.opened(trail))
                made.signed[key] = signature
                sources.append(self._there(key, every, made))
        return sources

    def _there(self, key: Key, every: Sequence[Opened], made: Batch) -> Source:
        """Lines of a trail with files; first, in words, what of it was rotated away unread."""
        if not every:
            return
        place = self.places.get(key) or Place(every[0].birth, 0)
        if place.file not in {one.birth for one in every}:
            if self._is_hoped_for(key):
                made.again = True
                return
            lost = self._lost(key, place, every)
            place = Place(every[0].birth, 0)
            yield key, notice(key, lost, place)
        self._missed_at.pop(key, None)
        self._sizes[key] = {one.birth: one.size for one in every}
        ended = False
        for step in trailing.steps(key[0], every, place, UNFINISHED_S):
            ended = step.line is None
            yield key, step
        made.again |= not ended

    def _gone(self, key: Key, made: Batch) -> Source:
        """What there is to say of a trail without files: of what it had that was unread."""
        if self._is_hoped_for(key):
            made.again = True
            return
        if lost := self._lost(key, self.places[key], ()):
            yield key, notice(key, lost, None)
        yield key, Step(LONG_AGO, None, None)

    def _is_hoped_for(self, key: Key) -> bool:
        """Whether what is missing is missed for so short a time that it may be back."""
        now = time.monotonic()
        return now - self._missed_at.setdefault(key, now) < MISSED_S

    def _lost(self, key: Key, place: Place, every: Sequence[Opened]) -> int:
        """Bytes, as far as they were ever seen, behind a place and in no file any more."""
        seen, here = self._sizes.get(key, {}), {one.birth for one in every}
        order = list(seen)
        later = order[order.index(place.file) :] if place.file in seen else order
        return sum(
            seen[one] - (place.offset if one == place.file else 0)
            for one in later
            if one not in here
        )

    # -- for those who ask -------------------------------------------------------------

    def look(self) -> None:
        """Remember how much there is, while nothing is taken."""
        for trail in files.trails(self.directory):
            with trailing.opened(trail) as every:
                if self.places.get(trail.key, Place("", 0)).file in {one.birth for one in every}:
                    self._sizes[trail.key] = {one.birth: one.size for one in every}

    def behind(self) -> tuple[int, int]:
        """Lines and bytes that were not taken yet; lines as far as they are counted."""
        lines = size = 0
        places = dict(self.places)
        for trail in files.trails(self.directory):
            with trailing.opened(trail) as every:
                for one, offset in trailing.behind(every, places.get(trail.key)):
                    lines += newlines(one, offset, COUNTED_BYTES - size)
                    size += one.size - offset
        return lines, size


def newlines(one: Opened, offset: int, most_bytes: int) -> int:
    """How many lines end in a part of a file, in so much of it at most."""
    found, end = 0, min(one.size, offset + most_bytes)
    for start in range(offset, end, CHUNK):
        one.file.seek(start)
        found += one.file.read(min(CHUNK, end - start)).count(b"\n")
    return found


def signed(trail: Trail) -> Signature:
    """What changes when something is added to a trail or its files are renamed."""
    found = []
    for path in trail.ordered():
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        found.append((path.name, status.st_ino, status.st_size))
    return tuple(found)


def notice(key: Key, lost: int, place: Place | None) -> Step:
    """The line that says what was not shipped."""
    much = f"at least {lost} bytes" if lost else "an unknown part"
    text = f"{much} of the log of {key[0]} rotated away before it could be shipped"
    now = datetime.now(UTC)
    return Step(LONG_AGO, Line(now, PAAS, "stderr", text), place)
