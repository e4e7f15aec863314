"""Keeping logs bounded: a few files per container, a total per app.

conmon itself starts a file anew when it has grown to --log-size-max: it renames an
empty one over it, also while no daemon runs. The full one survives under the second
name (.0) that is given here to every file being written, and is then moved up to .1.
Touches: renames and removes log files; inotify on their directories. Source: conmon,
src/ctr_logging.c, reopen_k8s_file.
"""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from paas import inotify
from paas.logs import files
from paas.logs.files import CURRENT, Trail
from paas.settings import Settings

log = logging.getLogger(__name__)

Limit = Callable[[str], int]  # an app's name: bytes of one file

LOOK_EVERY_S = 60.0
STOP_EVERY_S = 0.5


def aged(path: Path, age: int) -> Path:
    """The name of an older file of the one being written."""
    return path.with_name(f"{path.name}.{age}")


def rotate(current: Path, kept: int) -> None:
    """Give the file being written its second name; move what had it up, if it is another.

    kept is the number of files of one container, the one being written included.
    """
    second = aged(current, 0)
    if files.same_file(second, current):
        return
    if second.exists():
        shift(current, kept)
    with suppress(FileNotFoundError, FileExistsError):
        os.link(current, second)


def shift(current: Path, kept: int) -> None:
    """Rename .0 to .1, .1 to .2, ...; the oldest goes."""
    for age in range(max(kept - 1, 1), -1, -1):
        with suppress(FileNotFoundError):
            if age + 1 >= kept:
                aged(current, age).unlink()
            else:
                aged(current, age).rename(aged(current, age + 1))


def prune(directory: Path, live: set[str], limit_bytes: int) -> None:
    """Remove an app's oldest files until the rest is within the limit.

    What running containers (ids in live) and the platform are writing stays.
    """
    found: list[tuple[float, int, Path]] = []
    for trail in files.trails(directory):
        for age, path in trail.files.items():
            writing = age in (CURRENT, 0) and (trail.container_id in live or not trail.container_id)
            with suppress(FileNotFoundError):
                status = path.stat()
                if not writing:
                    size = 0 if age == 0 and status.st_nlink > 1 else status.st_size
                    found.append((status.st_mtime, size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= limit_bytes:
            return
        path.unlink(missing_ok=True)
        total -= size


class Rotation:
    """A thread that rotates as soon as conmon has begun a new file, and prunes."""

    def __init__(self, settings: Settings, root: Path, limit: Limit) -> None:
        self._settings = settings
        self._limit = limit
        self._root = root
        self._events = inotify.Inotify()
        self._watched: dict[int, Path] = {}
        self._done = threading.Event()
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._run, name="log-rotation", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._done.set()
        self._thread.join()
        self._events.close()

    def _run(self) -> None:
        while not self._done.is_set():
            try:
                self._look_at_all()
                self._follow(LOOK_EVERY_S)
            except Exception:
                log.exception("rotating logs failed")
                self._done.wait(1)

    def _look_at_all(self) -> None:
        """Watch what is not watched, rotate what was missed, prune."""
        self._watched[self._events.watch(self._root, inotify.CREATED | inotify.MOVED_TO)] = (
            self._root
        )
        for directory in files.paths(self._root):
            if directory.is_dir():
                self._take(directory)
                limit = self._limit(directory.name) * self._settings.log_files
                prune(directory, self._live(), limit)
                self._drop_if_empty(directory)

    def _take(self, directory: Path) -> None:
        """Watch an app's directory, then rotate what is in it already."""
        with suppress(FileNotFoundError):
            mask = inotify.CREATED | inotify.MOVED_TO
            self._watched[self._events.watch(directory, mask)] = directory
        for trail in files.trails(directory):
            self._rotate(trail)

    def _follow(self, duration_s: float) -> None:
        waited = 0.0
        while waited < duration_s and not self._done.is_set():
            events = self._events.read(STOP_EVERY_S)
            waited += 0 if events else STOP_EVERY_S
            for event in events:
                if event.mask & inotify.OVERFLOWED:
                    return
                self._appeared(event)

    def _appeared(self, event: inotify.Event) -> None:
        directory = self._watched.get(event.watch)
        if event.mask & inotify.IGNORED:
            self._watched.pop(event.watch, None)
        elif directory == self._root:
            self._take(self._root / event.name)
        elif directory and event.name.endswith(".log"):
            where = files.place(directory / event.name)
            if where and where[1]:
                rotate(directory / event.name, self._settings.log_files)

    def _rotate(self, trail: Trail) -> None:
        if trail.container_id in self._live() and CURRENT in trail.files:
            rotate(trail.files[CURRENT], self._settings.log_files)
        elif trail.container_id:
            tidy(trail)

    def _live(self) -> set[str]:
        """Ids of containers there are: their directories say so."""
        return {path.name for path in files.paths(self._settings.run_dir / "containers")}

    def _drop_if_empty(self, directory: Path) -> None:
        with suppress(OSError):
            if not self._live():
                directory.rmdir()


def tidy(trail: Trail) -> None:
    """Drop the second name of a file nobody writes any more."""
    if files.same_file(trail.files.get(0), trail.files.get(CURRENT)):
        trail.files[0].unlink(missing_ok=True)
