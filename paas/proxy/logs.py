"""What nginx logged of one app: in a file of the app's own, or among all others in the common one.

Touches: nginx's log files, which it reads and renames, and inotify on their directory.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from paas import inotify

CHUNK_BYTES = 1 << 20
LINE_BYTES = 64 << 10
WAIT_S = 0.25
FILE_BYTES = 32 << 20
AGES = 3  # access.log, access.log.1, access.log.2
Wanted = Callable[[bytes], bool]


def last(path: Path, wanted: Wanted, count: int) -> list[bytes]:
    """The last of the lines that are wanted, oldest first; none where nothing was logged."""
    found: deque[bytes] = deque(maxlen=count)
    for each in (aged(path, 1), path):
        try:
            with each.open("rb") as file:
                while lines := file.readlines(CHUNK_BYTES):
                    found.extend(line for line in lines if wanted(line))
        except FileNotFoundError:
            continue
    return [line.rstrip(b"\n")[:LINE_BYTES] for line in found]


def follow(path: Path, wanted: Wanted, stop: threading.Event) -> Iterator[bytes]:
    """New lines as they come, over rotations of the file, until stop is set."""
    with closing(inotify.Inotify()) as events:
        events.watch(path.parent, inotify.MODIFIED | inotify.CREATED | inotify.MOVED_TO)
        tail = Tail(path)
        while not stop.is_set():
            yield from (line for line in tail.lines() if wanted(line))
            events.read(WAIT_S)
        tail.close()


class Tail:
    """The end of a file that is written to, and renamed and begun anew by a rotation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rest = b""
        self._file = path.open("rb") if path.exists() else None
        if self._file:
            self._file.seek(0, os.SEEK_END)

    def lines(self) -> Iterator[bytes]:
        """Whole lines that came since the last call."""
        yield from self._new()
        if self._was_replaced():
            self.close()
            self._file, self._rest = self._path.open("rb"), b""
            yield from self._new()

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()

    def _new(self) -> Iterator[bytes]:
        while self._file and (data := self._file.read(CHUNK_BYTES)):
            *whole, self._rest = (self._rest + data).split(b"\n")
            yield from (line[:LINE_BYTES] for line in whole)

    def _was_replaced(self) -> bool:
        try:
            there = self._path.stat().st_ino
        except FileNotFoundError:
            return False
        return self._file is None or there != os.fstat(self._file.fileno()).st_ino


def rotate(directory: Path) -> bool:
    """Rename what has grown large, here and in apps' directories; whether anything was renamed.

    nginx writes on to the renamed files until it is told to open its logs anew.
    """
    large = [
        path
        for path in (*directory.glob("*.log"), *directory.glob("apps/*/*"))
        if path.suffix[1:].isdecimal() is False and size(path) > FILE_BYTES
    ]
    for path in large:
        for age in range(AGES - 1, 1, -1):
            if aged(path, age - 1).exists():
                aged(path, age - 1).replace(aged(path, age))
        path.replace(aged(path, 1))
    return bool(large)


def size(path: Path) -> int:
    """Bytes of a regular file, 0 for what is none."""
    try:
        return path.lstat().st_size if path.is_file() and not path.is_symlink() else 0
    except FileNotFoundError:
        return 0


def aged(path: Path, age: int) -> Path:
    """What a log is called after so many rotations."""
    return path.with_name(f"{path.name}.{age}")
