"""Reading logs as they are written: from where a snapshot ends, across rotations.

Touches: inotify on one app's directory; keeps the files being written open.
"""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from paas import inotify
from paas.logs import files
from paas.logs.files import CURRENT, Ends
from paas.logs.line import Joiner, Line

STOP_EVERY_S = 0.25
# how long a line may stay unfinished before it is shown as it is
UNFINISHED_S = 0.5


@dataclass(slots=True)
class Open:
    """A file being followed, and the end of it that is no whole entry yet."""

    file: BinaryIO
    inode: int
    joiner: Joiner
    rest: bytes = b""


class Following:
    """New lines of an app from the moment this is made. Closed by its owner."""

    def __init__(self, directory: Path, process: str | None) -> None:
        self._directory = directory
        self._process = process
        self._open: dict[Path, Open] = {}
        self._events = inotify.Inotify()
        mask = inotify.MODIFIED | inotify.CREATED | inotify.MOVED_TO
        self._events.watch(directory, mask)
        self.before: Ends = {}
        for trail in files.trails(directory, process):
            for age, path in trail.files.items():
                self._begin(path, current=age == CURRENT)

    def _begin(self, path: Path, *, current: bool) -> None:
        """Note where a file ends now; what comes later is ours to tell."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return
        inode = os.fstat(file.fileno()).st_ino
        end = self.before.setdefault(inode, files.last_boundary(file))
        if not current:
            file.close()
            return
        file.seek(end)
        self._open[path] = Open(file, inode, self._joiner(path))

    def lines(self, stop: threading.Event) -> Iterator[Line]:
        """New lines as they come, by time within what came together, until stop is set."""
        while not stop.is_set():
            events = self._events.read(STOP_EVERY_S)
            changed = {self._directory / event.name for event in events}
            if any(event.mask & inotify.OVERFLOWED for event in events):
                changed = set(files.paths(self._directory))
            found = [line for path in changed for line in self._changed(path)]
            for source in self._open.values():
                found += source.joiner.rest(UNFINISHED_S)
            yield from sorted(found, key=lambda line: line.at)

    def _changed(self, path: Path) -> Iterator[Line]:
        where = files.place(path)
        if where is None or where[2] != CURRENT or not files.wanted(where[0], self._process):
            return
        if source := self._open.get(path):
            yield from read(source)
        yield from self._reopened(path)

    def _reopened(self, path: Path) -> Iterator[Line]:
        """What is in a file that was begun anew, or for the first time."""
        old = self._open.get(path)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return
        inode = os.fstat(file.fileno()).st_ino
        if old and old.inode == inode:
            file.close()
            return
        if old:
            yield from read(old)
            old.file.close()
        source = Open(file, inode, old.joiner if old else self._joiner(path))
        self._open[path] = source
        yield from read(source)

    def _joiner(self, path: Path) -> Joiner:
        where = files.place(path)
        return Joiner(where[0] if where else "")

    def close(self) -> None:
        """Stop following."""
        self._events.close()
        for source in self._open.values():
            source.file.close()


def read(source: Open) -> Iterator[Line]:
    """Lines completed by what was added to a file."""
    *entries, source.rest = (source.rest + source.file.read()).split(b"\n")
    for raw in entries:
        if line := source.joiner.feed(raw):
            yield line
