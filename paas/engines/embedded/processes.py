"""Processes told apart by /proc: which of a container's belong to one exec session.

Touches: /proc (read), signals. Source: proc(5), /proc/<pid>/stat.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from paas.engines.embedded.cgroups import signal_process

ROUNDS = 20
READY_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Process:
    """A process's place in the family."""

    pid: int
    parent: int
    session: int


def look(pid: int) -> Process | None:
    """One process, or None when it is gone. Pids are the host's."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    _state, parent, _group, session = text.rpartition(")")[2].split()[:4]
    return Process(pid, int(parent), int(session))


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
    """Kill a process and all it started, however fast it forks."""
    for _ in range(ROUNDS):
        found = family(first, pids())
        if not found:
            return
        for pid in found:
            signal_process(pid, signal.SIGKILL)


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


def terminate_first(pid: int, cgroup: str) -> None:
    """Send SIGTERM to a container's first process, if it is still that.

    A first process that is not ready for a signal never gets it (pid_namespaces(7)),
    so init, just started, is given the moment until it has blocked them all to wait for.
    """
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return
    try:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not awaits_signals(pid) and time.monotonic() < deadline:
            time.sleep(0.001)
        if belongs(pid, cgroup):
            signal.pidfd_send_signal(process, signal.SIGTERM)
    except ProcessLookupError:
        return
    finally:
        os.close(process)


def awaits_signals(pid: int) -> bool:
    """Whether a process has blocked SIGTERM; true as well when it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return True
    masks = [line.split()[1] for line in text.splitlines() if line.startswith("SigBlk:")]
    return any(int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in masks)
