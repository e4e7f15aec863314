"""Every app's log: what its processes wrote and what the platform has to say, by time.

Touches: <state_dir>/logs/<app>/. conmon writes the processes' files; ours are written
here. Kept across restarts of containers and of the daemon.
"""

import heapq
import os
import shutil
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from paas.logs import files, line
from paas.logs.following import Following
from paas.logs.line import Line
from paas.logs.rotation import Limit, Rotation, shift
from paas.model.container import ContainerSpec
from paas.model.limits import SMALLEST_LOG_BYTES
from paas.settings import Settings


class Logs:
    """The logs of one instance. Safe to use from several threads."""

    def __init__(self, settings: Settings, limit: Limit | None = None) -> None:
        """limit: how much one file of an app's may hold; the settings' for all without it."""
        self.root = settings.state_dir / "logs"
        self._settings = settings
        self._limit = limit or (lambda _: self._settings.log_max_bytes)
        self._lock = threading.Lock()
        self._rotation: Rotation | None = None

    def start(self) -> None:
        """Begin to keep the files bounded, in a thread. Called by the daemon."""
        self._rotation = self._rotation or Rotation(self._settings, self.root, self._limit)

    def close(self) -> None:
        """End that thread."""
        if self._rotation:
            self._rotation.close()
            self._rotation = None

    # -- writing -----------------------------------------------------------------

    def append(self, app: str, text: str) -> None:
        """Add lines of the platform's own (source `paas`)."""
        path = self.directory(app) / "paas.log"
        least = min(SMALLEST_LOG_BYTES, self._settings.log_max_bytes)
        data = b"".join(line.format_entry(one) for one in text.splitlines() or [""])
        with self._lock:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "ab", buffering=0) as file:
                file.write(data)
                size = file.tell()
            if size > least and size > self._limit(app):
                path.rename(path.with_name("paas.log.0"))
                shift(path, self._settings.log_files)

    def rename(self, app: str, new_name: str) -> None:
        """Carry an app's log over to its new name.

        An empty directory stays for containers of the old name: conmon ends when it
        cannot start its file anew there.
        """
        old, new = self.directory(app), self.directory(new_name)
        with self._lock:
            if not old.is_dir():
                return
            new.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in files.paths(old):
                path.rename(new / path.name)

    def names(self) -> set[str]:
        """What apps there are or were logs of."""
        return {directory.name for directory in self.root.glob("*/")}

    def remove(self, app: str) -> None:
        """Delete an app's log, its containers being gone. Idempotent."""
        shutil.rmtree(self.directory(app), ignore_errors=True)

    # -- reading -----------------------------------------------------------------

    def read(
        self,
        app: str,
        process: str | None = None,
        number: int | None = None,
        since: datetime | None = None,
    ) -> Iterator[Line]:
        """Lines by time: of one process type (`web`), one slot (`web.1`), `paas`, or all.

        number: only so many last ones. since: only those from then on (with timezone).
        """
        return self._read(app, process, number, since, None)

    def _read(
        self,
        app: str,
        process: str | None,
        number: int | None,
        since: datetime | None,
        ends: files.Ends | None,
    ) -> Iterator[Line]:
        trails = files.trails(self.directory(app), process)
        if number is None:
            sources = [line.lines(one.source, files.entries(one, ends)) for one in trails]
            return from_then_on(merged(sources), since)
        sources = [line.lines(one.source, files.last_entries(one, number, ends)) for one in trails]
        return iter(deque(from_then_on(merged(sources), since), maxlen=number))

    def sources(self, app: str) -> set[str]:
        """What there are lines of: `web.1`, `run.7`, `paas`."""
        return {one.source for one in files.trails(self.directory(app))}

    def tail(self, spec: ContainerSpec, number: int) -> list[str]:
        """The last lines of one container, as text."""
        directory = spec.log.parent if spec.log else self.directory(spec.app)
        return last_lines(directory, spec.hostname, spec.id, number)

    def of_container(self, app: str, name: str, container_id: str, number: int) -> list[str]:
        """The last lines of one container that may be gone, as text."""
        return last_lines(self.directory(app), name, container_id, number)

    def follow(
        self,
        app: str,
        process: str | None = None,
        number: int | None = None,
        since: datetime | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Line]:
        """What read gives, then every new line within 50 ms, until stop is set."""
        directory = self.directory(app)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        following = Following(directory, process)
        try:
            yield from self._read(app, process, number, since, following.before)
            yield from following.lines(stop or threading.Event())
        finally:
            following.close()

    def directory(self, app: str) -> Path:
        return self.root / app


def last_lines(directory: Path, name: str, container_id: str, number: int) -> list[str]:
    """The last lines that a container of that name and id wrote."""
    for trail in files.trails(directory, name):
        if trail.container_id == container_id:
            every = line.lines(trail.source, files.last_entries(trail, number))
            return [one.text for one in deque(every, maxlen=number)]
    return []


def merged(sources: Iterable[Iterator[Line]]) -> Iterator[Line]:
    """Lines of several sources by time."""
    return heapq.merge(*sources, key=lambda one: one.at)


def from_then_on(every: Iterator[Line], since: datetime | None) -> Iterator[Line]:
    return every if since is None else (one for one in every if one.at >= since)
