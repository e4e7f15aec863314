"""Our cgroups in every hierarchy, v1 or v2: found by name, counted, killed, removed.

Touches: /sys/fs/cgroup below the instance's name; runc makes the cgroups and sets
the limits. Sources: cgroups(7), Linux's admin-guide/cgroup-v1 and cgroup-v2.rst.
"""

import errno
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paas.model.container import Usage

ROOT = Path("/sys/fs/cgroup")
CGROUP2_ONLY = "cgroup.controllers"
EMPTY_TIMEOUT_S = 10.0
FREEZE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """Where this machine's controllers are mounted. On a v2 machine they are all one."""

    by_controller: dict[str, Path]
    unified: Path | None

    @property
    def roots(self) -> tuple[Path, ...]:
        """Every hierarchy once; v2 first, since killing works best there."""
        found = [self.unified] if self.unified else []
        return tuple(dict.fromkeys([*found, *self.by_controller.values()]))

    @property
    def only_unified(self) -> bool:
        """Whether limits are set through v2."""
        return self.by_controller.get("memory") == self.unified


def detect(root: Path = ROOT) -> Hierarchies:
    """What is mounted below root: v2 alone, v1 alone, or v1 with a v2 tree beside it."""
    if (root / CGROUP2_ONLY).exists():
        return Hierarchies(dict.fromkeys(("memory", "cpu", "cpuacct", "pids", "blkio"), root), root)
    unified = root / "unified"
    found: dict[str, Path] = {}
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and entry != unified:
            found |= dict.fromkeys(entry.name.split(","), entry.resolve())
    return Hierarchies(found, unified if (unified / CGROUP2_ONLY).exists() else None)


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
        for directory in self.directories(container_id):
            if not (pids := read(directory / "cgroup.procs").split()):
                continue
            populated = True
            write(directory / "freezer.state", "THAWED")  # what is held still would not die
            if not write(directory / "cgroup.kill", "1"):
                for pid in pids:
                    signal_process(int(pid), signal.SIGKILL)
        return populated

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

    def freeze(self, container_id: str, *, still: bool) -> bool:
        """Hold everything in the container still, or let it go on; whether that was so in time."""
        unified = self.hierarchies.unified
        if unified is not None:
            home, wanted = unified / self.name / container_id, "1" if still else "0"
            write(home / "cgroup.freeze", wanted)
            return settled(lambda: fields(read(home / "cgroup.events")).get("frozen") == still)
        home, state = self._directory("freezer", container_id), "FROZEN" if still else "THAWED"
        write(home / "freezer.state", state)
        return settled(lambda: read(home / "freezer.state").strip() == state)

    def remove(self, container_id: str) -> None:
        """Remove a container's emptied cgroups. Idempotent; OSError when one is still busy."""
        for directory in self.directories(container_id):
            remove_tree(directory)

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
        memory = self._directory("memory", container_id)
        pids = number(read(self._directory("pids", container_id) / "pids.current"))
        if self.hierarchies.only_unified:
            used = number(read(memory / "memory.current"))
            idle = fields(read(memory / "memory.stat")).get("inactive_file", 0)
            cpu = fields(read(memory / "cpu.stat")).get("usage_usec", 0) / 1e6
        else:
            used = number(read(memory / "memory.usage_in_bytes"))
            idle = fields(read(memory / "memory.stat")).get("total_inactive_file", 0)
            directory = self._directory("cpuacct", container_id)
            cpu = number(read(directory / "cpuacct.usage")) / 1e9
        return Usage(memory_bytes=max(0, used - idle), cpu_seconds=cpu, pids=pids)

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


def settled(condition: Callable[[], bool]) -> bool:
    """Whether the kernel brings it about within a moment."""
    deadline = time.monotonic() + FREEZE_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def remove_tree(directory: Path) -> None:
    """Remove a cgroup and those below it; one that is just being emptied gets a moment."""
    for below in [Path(entry) for entry in os.scandir(directory) if entry.is_dir()]:
        remove_tree(below)
    for attempt in range(50):
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or attempt == 49:
                raise
            time.sleep(0.002)
        else:
            return


def signal_process(pid: int, number_: int) -> None:
    """Send a signal to a process that may be gone."""
    try:
        os.kill(pid, number_)
    except ProcessLookupError:
        return


def read(path: Path) -> str:
    """A kernel file's text; empty when the cgroup is gone."""
    try:
        return path.read_text()
    except (FileNotFoundError, OSError):
        return ""


def write(path: Path, text: str) -> bool:
    """Write to a kernel file that exists; False when it does not or refuses."""
    try:
        with path.open("r+") as file:
            file.write(text)
    except OSError:
        return False
    return True


def number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0


def fields(text: str) -> dict[str, int]:
    """`key value` lines as numbers."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
