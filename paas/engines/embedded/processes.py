"""Processes told apart by /proc: which of a container's belong to one exec session.

Touches: /proc (read), signals. Source: proc(5), /proc/<pid>/stat.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paas.engines.embedded.cgroups import signal_process

GONE_TIMEOUT_S = 5.0
READY_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Process:
    """A process's place in the family."""

    pid: int
    parent: int
    group: int
    session: int


def look(pid: int) -> Process | None:
    """One process, or None when it is gone. Pids are the host's."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    _state, *numbers = text.rpartition(")")[2].split()[:4]
    return Process(pid, *map(int, numbers))


def family(first: int, pids: set[int]) -> set[int]:
    """Those of pids that descend from first or share its session."""
    every = {pid: process for pid in pids if (process := look(pid))}
    found = {pid for pid, process in every.items() if first in (pid, process.session)}
    while True:
        children = {pid for pid, process in every.items() if process.parent in found} - found
        if not children:
            return found
        found |= children


def kill_family(first: int, pids: Callable[[], set[int]]) -> None:
    """Kill a process and all it started, however fast it forks, and wait until it is all gone."""
    deadline = time.monotonic() + GONE_TIMEOUT_S
    pause_s = 0.0005
    killed: set[int] = set()  # when one dies, those it started may belong to init
    while True:
        present = pids()
        killed = killed & present | family(first, present)
        if not killed or time.monotonic() > deadline:
            return
        for pid in killed:
            signal_process(pid, signal.SIGKILL)
        time.sleep(pause_s)
        pause_s = min(0.02, pause_s * 2)


def belongs(pid: int, cgroup: str) -> bool:
    """Whether a process is in a cgroup (absolute path) of some hierarchy."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(line.split(":", 2)[2] == cgroup for line in lines)


def arguments() -> Iterator[list[str]]:
    """The command line of every process on the machine."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                yield os.fsdecode(Path(entry.path, "cmdline").read_bytes()).split("\0")
            except OSError:
                continue


def signal_program(first: int, number: int, pids: Callable[[], set[int]]) -> None:
    """Signal what a container's init runs: the process groups of its children.

    So a command behind a shell hears it too. init itself is left alone: it ends with
    its child. When it has just been started, the child is waited for a moment.
    """
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not signal_children(first, number, pids()) and time.monotonic() < deadline:
        if look(first) is None:
            return
        time.sleep(0.001)


def signal_children(first: int, number: int, pids: set[int]) -> bool:
    """Signal the groups that children of a process lead; whether there was one."""
    sent = False
    for process in filter(None, map(look, pids)):
        if process.parent == first and process.group == process.pid:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
                sent = True
    return sent
