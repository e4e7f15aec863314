"""Which containers there are: in memory, backed by container.json in each one's directory.

Touches: <run_dir>/containers/<id>/container.json.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from paas.engines.embedded import processes, record
from paas.engines.embedded.cgroups import Cgroups
from paas.engines.embedded.files import write_private
from paas.engines.embedded.runtime import Directories
from paas.model.container import Container, ContainerSpec, ExitStatus

log = logging.getLogger(__name__)

RECORD = "container.json"


@dataclass(slots=True)
class Entry:
    """One started container."""

    container: Container
    stopping: bool = False
    # memory kills counted in the last two rounds: an end that comes later is not about the first
    kills: tuple[int, int] = (0, 0)
    ended: threading.Event = field(default_factory=threading.Event)


class Index:
    """Started containers by id, and the ids that are not to be swept away under somebody."""

    def __init__(self, directories: Directories, cgroups: Cgroups) -> None:
        self.lock = threading.RLock()
        self.sessions: dict[str, ContainerSpec] = {}  # in the foreground
        self._directories = directories
        self._cgroups = cgroups
        self._entries: dict[str, Entry] = {}
        self._starting: dict[str, ContainerSpec] = {}

    def load(self) -> list[Container]:
        """Read every container's record; those whose end nobody has recorded yet."""
        for home in sorted(self._directories.containers.iterdir()):
            try:
                container = record.decode((home / RECORD).read_text())
            except FileNotFoundError:
                continue
            except (ValueError, KeyError, TypeError) as error:
                log.warning("ignoring container %s: its record is damaged: %s", home.name, error)
                continue
            entry = self._entries[container.id] = Entry(self._verified(container))
            if entry.container.pid:  # it lives on: what was killed in it before was not its end
                entry.kills = (self._cgroups.memory_kills(container.id),) * 2
            if container.exit is not None:
                entry.ended.set()
        return [entry.container for entry in self._entries.values() if not entry.ended.is_set()]

    def _verified(self, container: Container) -> Container:
        """With a pid only if it is still the container's: pids are used again."""
        cgroup = self._cgroups.path(container.id)
        if container.exit is None and not processes.belongs(container.pid, cgroup):
            return replace(container, pid=0)
        return container

    @contextmanager
    def starting(self, spec: ContainerSpec) -> Iterator[None]:
        """While a container is being started it is not swept away."""
        with self.lock:
            self._starting[spec.id] = spec
        try:
            yield
        finally:
            with self.lock:
                self._starting.pop(spec.id, None)

    def add(self, container: Container) -> None:
        """A container runs."""
        self._write(container)
        with self.lock:
            self._entries[container.id] = Entry(container)

    def end(self, entry: Entry, status: ExitStatus) -> Container:
        """A container has ended; the container with its exit status."""
        entry.container = replace(entry.container, exit=status)
        try:
            self._write(entry.container)
        except FileNotFoundError:
            log.debug("container %s is being removed", entry.container.id)
        entry.ended.set()
        return entry.container

    def count_kills(self) -> None:
        """Remember how often each container was killed in for memory; called now and then."""
        with self.lock:
            entries = list(self._entries.values())
        for entry in entries:
            if not entry.ended.is_set():
                entry.kills = (entry.kills[1], self._cgroups.memory_kills(entry.container.id))

    def fresh_kills(self, entry: Entry) -> int:
        """How often it was killed in for memory lately."""
        return self._cgroups.memory_kills(entry.container.id) - entry.kills[0]

    def drop(self, container_id: str) -> None:
        """A container is removed; whoever waits for its end need not."""
        with self.lock:
            entry = self._entries.pop(container_id, None)
        if entry:
            entry.ended.set()

    def entry(self, container_id: str) -> Entry | None:
        with self.lock:
            return self._entries.get(container_id)

    def containers(self, app: str | None) -> list[Container]:
        """Of one app or of all, oldest first."""
        with self.lock:
            every = [entry.container for entry in self._entries.values()]
        found = [one for one in every if app is None or one.spec.app == app]
        return sorted(found, key=lambda one: one.started_at)

    def in_use(self) -> set[str]:
        """Ids being started now or running in the foreground."""
        with self.lock:
            return self._starting.keys() | self.sessions.keys()

    def mounting(self, source: Path) -> list[ContainerSpec]:
        """What runs, or is about to, with that host path mounted; in the foreground too."""
        with self.lock:
            running = [e.container.spec for e in self._entries.values() if e.container.running]
            every = [*running, *self._starting.values(), *self.sessions.values()]
        found = {one.id: one for one in every if source in (m.source for m in one.mounts)}
        return list(found.values())

    def _write(self, container: Container) -> None:
        path = self._directories.container(container.id) / RECORD
        draft = path.with_suffix(".new")
        write_private(draft, record.encode(container))
        draft.rename(path)
