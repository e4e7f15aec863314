"""One log line, and the form lines have on disk: conmon's k8s-file format.

    2026-11-24T00:00:37.123456789+00:00 stdout F text of the line
    2026-11-24T00:00:37.123456789+00:00 stdout P a part, its line goes on in a later entry

Pure. Text is what the app wrote: whoever shows it to a terminal makes it plain first.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from paas.model import moments

PAAS = "paas"
# a line that never ends is cut, so that no reader holds more than this of it
LINE_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Line:
    """A line somebody wrote. source is the process (`web.1`) or `paas`; at has a timezone."""

    at: datetime
    source: str
    stream: str
    text: str


def shown_at(line: Line) -> str:
    """When a line was written, as it is shown."""
    return moments.exact(line.at)


def as_object(app: str, line: Line) -> dict[str, str]:
    """A line as programs get it."""
    return {
        "at": shown_at(line),
        "app": app,
        "source": line.source,
        "stream": line.stream,
        "text": line.text,
    }


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a file: a whole line, or a part of one."""

    stamp: bytes
    stream: bytes
    whole: bool
    content: bytes


def parse(raw: bytes) -> Entry | None:
    """An entry without its newline; None when it is damaged (cut by a crash or a full disk)."""
    fields = raw.split(b" ", 3)
    if len(fields) != 4 or fields[2] not in (b"F", b"P") or len(fields[0]) < 20:
        return None
    return Entry(fields[0], fields[1], fields[2] == b"F", fields[3])


def format_entry(text: str, at: datetime | None = None, stream: str = "stdout") -> bytes:
    """One line of ours as an entry, newline included."""
    stamp = (at or datetime.now(UTC)).isoformat(timespec="microseconds")
    clean = text.replace("\r", "").replace("\n", " ")
    return f"{stamp} {stream} F {clean}\n".encode(errors="replace")


def moment(stamp: bytes) -> datetime | None:
    """The time in a stamp; nanoseconds are cut to microseconds."""
    text = stamp.decode("ascii", errors="replace")
    date, _, rest = text.partition(".")
    digits = rest[: next((at for at, c in enumerate(rest) if not c.isdigit()), len(rest))]
    zone = rest[len(digits) :]
    try:
        found = datetime.fromisoformat(f"{date}.{digits[:6]:0<6}{zone}")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Joiner:
    """Puts the parts of lines of one source together again."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._parts: dict[bytes, list[Entry]] = {}
        self._began: dict[bytes, float] = {}

    def feed(self, raw: bytes) -> Line | None:
        """The line that this entry completes, if it does."""
        entry = parse(raw)
        if entry is None:
            return None
        parts = self._parts.setdefault(entry.stream, [])
        if not parts:
            self._began[entry.stream] = time.monotonic()
        parts.append(entry)
        if entry.whole or sum(len(part.content) for part in parts) > LINE_BYTES:
            return self._join(entry.stream)
        return None

    def rest(self, older_than_s: float = 0) -> list[Line]:
        """Lines begun that long ago and not ended: a prompt, or the last words of a process."""
        now = time.monotonic()
        due = [
            stream
            for stream, parts in self._parts.items()
            if parts and now - self._began[stream] >= older_than_s
        ]
        return [line for stream in due if (line := self._join(stream))]

    def _join(self, stream: bytes) -> Line | None:
        parts = self._parts.pop(stream)
        at = moment(parts[0].stamp)
        content = b"".join(part.content for part in parts)
        if at is None:
            return None
        return Line(at, self._source, stream.decode(), content.decode(errors="replace"))


def lines(source: str, entries: Iterable[bytes]) -> Iterator[Line]:
    """Whole lines from a source's entries, the unfinished last ones at the end."""
    joiner = Joiner(source)
    for raw in entries:
        if line := joiner.feed(raw):
            yield line
    yield from joiner.rest()
