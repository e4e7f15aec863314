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
from paas.logs.files import Trail
from paas.logs.line import PAAS, Line
from paas.logs.sinks import losses, trailing
from paas.logs.sinks.losses import Lost, Sight
from paas.logs.sinks.places import Key, Places
from paas.logs.sinks.trailing import LONG_AGO, Opened, Place, Step

log = logging.getLogger(__name__)

BATCH_BYTES, BATCH_LINES = 256 << 10, 1000
UNFINISHED_S = 0.5
# how long what was being read is missed before it is given up: an app may be on its way to
# another name
MISSED_S = 5.0
COUNTED_BYTES = 8 << 20  # of what is behind, lines are counted in so much at a time

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
        self._sights: dict[Key, Sight] = {}
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
                for known in (self._at_end, self._sights, self._missed_at):
                    known.pop(key, None)
                continue
            if sight := self._sights.get(key):
                sight.passed(place)
            self._missed_at.pop(key, None)
            if key in batch.ended:
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
        begun = self.places.keys() | self._sights.keys()
        sources: list[Source] = [self._gone(key, made) for key in begun - found.keys()]
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
        sight, place = self._sighted(key, every), self._begun(key)
        if sight is None or place is None:
            made.again = True
            return
        if not is_among(place, every):
            place = Place(every[0].birth, 0)
            yield key, notice(key, sight.gone, place)
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
        sight = self._sights.get(key)
        lost = sight.whole() if sight else Lost()
        if lost.size_bytes:
            yield key, notice(key, lost, None)
        yield key, Step(LONG_AGO, None, None)

    def _sighted(self, key: Key, every: Sequence[Opened]) -> Sight | None:
        """What there is of a trail now; None while the file that is to be read next is missed."""
        place = self._begun(key) or Place(every[0].birth, 0)
        if is_among(place, every):
            self._missed_at.pop(key, None)
        elif self._is_hoped_for(key):
            return None
        sight = self._sights.setdefault(key, Sight(place))
        sight.update(every, place)
        return sight

    def _begun(self, key: Key) -> Place | None:
        """Where a trail goes on: behind what was taken, else where it was first seen to begin."""
        sight = self._sights.get(key)
        return self.places.get(key) or (sight.begun if sight else None)

    def _is_hoped_for(self, key: Key) -> bool:
        """Whether what is missing is missed for so short a time that it may be back."""
        now = time.monotonic()
        return now - self._missed_at.setdefault(key, now) < MISSED_S

    # -- for those who ask -------------------------------------------------------------

    def look(self, most_bytes: int) -> int:
        """Remember how much there is, while nothing is taken; what is left of most_bytes.

        So much is read at most, to count lines.
        """
        for trail in files.trails(self.directory):
            with trailing.opened(trail) as every:
                if every and (sight := self._sighted(trail.key, every)):
                    most_bytes = sight.count(every, most_bytes)
        return most_bytes

    def behind(self) -> tuple[int, int]:
        """Lines and bytes that were not taken yet; lines as far as they are counted."""
        lines = size = 0
        places = dict(self.places)
        for trail in files.trails(self.directory):
            with trailing.opened(trail) as every:
                for one, offset in trailing.behind(every, places.get(trail.key)):
                    most_bytes = max(0, COUNTED_BYTES - size)
                    lines += losses.newlines(one, offset, min(one.size, offset + most_bytes))
                    size += one.size - offset
        return lines, size


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


def is_among(place: Place, every: Sequence[Opened]) -> bool:
    """Whether the file of a place is still there."""
    return place.file in {one.birth for one in every}


def notice(key: Key, lost: Lost, place: Place | None) -> Step:
    """The line that says what was not shipped."""
    text = f"{lost.words} of the log of {key[0]} rotated away before it could be shipped"
    now = datetime.now(UTC)
    return Step(LONG_AGO, Line(now, PAAS, "stderr", text), place)
