"""Our cgroups in every hierarchy, v1 or v2: found by name, counted, killed, removed.

Touches: /sys/fs/cgroup below the instance's name; runc makes the cgroups and sets
the limits. Sources: cgroups(7), Linux's admin-guide/cgroup-v1 and cgroup-v2.rst.
"""

import errno
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from paas.engines.embedded import usage
from paas.engines.embedded.freezer import Freezer
from paas.engines.embedded.hierarchies import ROOT, detect, fields, read, write
from paas.model.container import Usage

EMPTY_TIMEOUT_S = 10.0
REMOVE_TIMEOUT_S = 2.0


class Cgroups:
    """The cgroups of one instance, each named after its container id."""

    def __init__(self, name: str, root: Path = ROOT) -> None:
        self.name = name
        self.hierarchies = detect(root)

    def path(self, container_id: str) -> str:
        """What runc is told: absolute within each hierarchy."""
        return f"/{self.name}/{container_id}"

    def directories(self, container_id: str) -> list[Path]:
        """A container's cgroup in each hierarchy that has it."""
        every = (root / self.name / container_id for root in self.hierarchies.roots)
        return [directory for directory in every if directory.is_dir()]

    def found(self) -> set[str]:
        """Container ids that have a cgroup anywhere."""
        names: set[str] = set()
        for root in self.hierarchies.roots:
            try:
                names |= {entry.name for entry in os.scandir(root / self.name) if entry.is_dir()}
            except FileNotFoundError:
                continue
        return names

    def pids(self, container_id: str) -> set[int]:
        """Host pids of everything in the container."""
        numbers: set[int] = set()
        for directory in self.directories(container_id):
            for text in read(directory / "cgroup.procs").split():
                numbers.add(int(text))
            if numbers:
                break
        return numbers

    def kill(self, container_id: str, timeout_s: float = EMPTY_TIMEOUT_S) -> bool:
        """Kill everything in the container and wait until it is gone; False when it stays."""
        deadline = time.monotonic() + timeout_s
        pause_s = 0.0005
        while self._kill_once(container_id):
            if time.monotonic() > deadline:
                return False
            time.sleep(pause_s)
            pause_s = min(0.02, pause_s * 2)
        return True

    def _kill_once(self, container_id: str) -> bool:
        """Whether something was there to kill, in any hierarchy: processes may be half moved in."""
        populated = False
        self._freezer(container_id).let_die()
        for directory in self.directories(container_id):
            if not (pids := read(directory / "cgroup.procs").split()):
                continue
            populated = True
            if not write(directory / "cgroup.kill", "1"):
                for pid in pids:
                    signal_process(int(pid), signal.SIGKILL)
        return populated

    def freeze(self, container_id: str) -> bool:
        """Stop all of a container's processes where they are; False when they do not stop."""
        return self._freezer(container_id).freeze()

    def thaw(self, container_id: str) -> None:
        """Let them go on. Idempotent; nothing when the container is gone."""
        self._freezer(container_id).thaw()

    def frozen(self, container_id: str) -> bool:
        """Whether all of them are stopped."""
        return self._freezer(container_id).frozen

    def _freezer(self, container_id: str) -> Freezer:
        return Freezer(self.hierarchies, f"{self.name}/{container_id}")

    def make(self, name: str) -> Path:
        """A cgroup of our own making, where the memory controller is; containers' are runc's."""
        parent = self._directory("memory", "")
        parent.mkdir(exist_ok=True)
        if self.hierarchies.only_unified:
            for above in (parent.parent, parent):
                write(above / "cgroup.subtree_control", "+memory")
        directory = parent / name
        directory.mkdir()
        return directory

    def remove(self, container_id: str) -> None:
        """Remove a container's emptied cgroups. Idempotent; OSError when one is still busy.

        What a dying runc still moves in is killed as well.
        """
        for directory in self.directories(container_id):
            remove_tree(directory, lambda: self._kill_once(container_id))

    def remove_parents(self) -> None:
        """Remove the instance's own cgroups where no container is left."""
        for root in self.hierarchies.roots:
            try:
                (root / self.name).rmdir()
            except OSError:
                continue

    def memory_kills(self, container_id: str) -> int:
        """How often the kernel has killed a process of the container for its memory limit."""
        directory = self._directory("memory", container_id)
        file = "memory.events" if self.hierarchies.only_unified else "memory.oom_control"
        return fields(read(directory / file)).get("oom_kill", 0)

    def usage(self, container_id: str) -> Usage:
        """What the container uses now; zeros when it is gone."""
        return usage.measure(self.hierarchies, f"{self.name}/{container_id}")

    @property
    def swap_accounting(self) -> bool:
        """Whether swap can be limited here."""
        if self.hierarchies.only_unified:
            return True  # runc looks itself
        memory = self.hierarchies.by_controller.get("memory", ROOT)
        return (memory / "memory.memsw.limit_in_bytes").exists()

    def _directory(self, controller: str, container_id: str) -> Path:
        root = self.hierarchies.by_controller.get(controller, ROOT)
        return root / self.name / container_id


def remove_tree(directory: Path, empty: Callable[[], object]) -> None:
    """Remove a cgroup and those below it; one that is just being emptied gets a moment."""
    with suppress(FileNotFoundError):
        for below in [Path(entry) for entry in os.scandir(directory) if entry.is_dir()]:
            remove_tree(below, empty)
    deadline = time.monotonic() + REMOVE_TIMEOUT_S
    while directory.exists():
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            empty()
            time.sleep(0.002)


def signal_process(pid: int, number_: int) -> None:
    """Send a signal to a process that may be gone."""
    try:
        os.kill(pid, number_)
    except ProcessLookupError:
        return
