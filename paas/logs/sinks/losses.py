"""What was seen of a trail and not taken yet: to tell how much of it rotated away before it was.

Lines are counted while their sink takes nothing, each once. Touches: reads log files.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from paas.logs.files import CHUNK
from paas.logs.sinks import trailing
from paas.logs.sinks.trailing import Opened, Place


@dataclass(frozen=True, slots=True)
class Lost:
    """How much is in no file any more, at least; lines: 0 where none were counted."""

    size_bytes: int = 0
    lines: int = 0

    @property
    def words(self) -> str:
        """`at least 12 lines (4711 bytes)`."""
        if not self.size_bytes:
            return "an unknown part"
        size = f"{self.size_bytes} bytes"
        lines = f"{self.lines} line{'s' * (self.lines > 1)}"
        return f"at least {lines} ({size})" if self.lines else f"at least {size}"


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one file: what was not taken begins at start, and has so many lines up to counted."""

    size: int
    start: int
    counted: int
    lines: int = 0


class Sight:
    """What was seen of one trail since its lines were taken last. begun: where it began."""

    def __init__(self, begun: Place) -> None:
        self.begun = begun
        self.gone = Lost()
        self._files: dict[str, Seen] = {}  # by their births, oldest first

    def update(self, every: Sequence[Opened], place: Place) -> None:
        """These are its files now, and what is behind a place is to be taken."""
        self.gone = self._without({one.birth for one in every})
        before, self._files = self._files, {}
        for one, offset in trailing.behind(every, place):
            seen = before.get(one.birth)
            if seen is None or seen.start != offset:
                seen = Seen(one.size, offset, offset)
            self._files[one.birth] = replace(seen, size=one.size)

    def count(self, every: Sequence[Opened], most_bytes: int) -> int:
        """Go on counting lines, in so much at most; what is left of that."""
        for one in every:
            if seen := self._files.get(one.birth):
                end = min(one.size, seen.counted + most_bytes)
                lines = seen.lines + newlines(one, seen.counted, end)
                self._files[one.birth] = replace(seen, counted=end, lines=lines)
                most_bytes -= end - seen.counted
        return most_bytes

    def passed(self, place: Place) -> None:
        """All up to a place was taken, and what was gone was told."""
        births = list(self._files)
        later = births[births.index(place.file) :] if place.file in births else []
        self._files = {one: self._files[one] for one in later}
        if later:
            size = self._files[place.file].size
            self._files[place.file] = Seen(size, place.offset, place.offset)
        self.gone = Lost()

    def whole(self) -> Lost:
        """What is gone when it has no file any more."""
        return self._without(set())

    def _without(self, births: set[str]) -> Lost:
        lost = [seen for birth, seen in self._files.items() if birth not in births]
        size_bytes = self.gone.size_bytes + sum(one.size - one.start for one in lost)
        return Lost(size_bytes, self.gone.lines + sum(one.lines for one in lost))


def newlines(one: Opened, begin: int, end: int) -> int:
    """How many lines end in a part of a file."""
    found = 0
    for start in range(begin, end, CHUNK):
        one.file.seek(start)
        found += one.file.read(min(CHUNK, end - start)).count(b"\n")
    return found
