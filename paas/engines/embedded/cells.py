"""Cells: a memory limit for a child of ours that is no container, such as a push's git.

Touches: cgroups beside the containers', with names that no container has. Sources:
Linux's admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from paas.engines.embedded.cgroups import Cgroups
from paas.engines.embedded.hierarchies import write

PREFIX = "cell-"  # the dash keeps it apart from container ids


@dataclass(frozen=True, slots=True)
class Cell:
    """One cgroup while it is there."""

    cgroups: Cgroups
    name: str
    enter: Callable[[], None]  # for the child, between fork and exec: async-signal-safe

    @property
    def ran_out(self) -> bool:
        """Whether the kernel killed in it for memory."""
        return self.cgroups.memory_kills(self.name) > 0


@contextmanager
def cell(cgroups: Cgroups, memory_bytes: int) -> Iterator[Cell]:
    """A cell for as long as the block runs; what is left in it then is killed."""
    name = PREFIX + secrets.token_hex(6)
    with ExitStack() as undo:
        undo.callback(remove, cgroups, name)
        directory = cgroups.make(name)
        for file, value in limits(memory_bytes, unified=cgroups.hierarchies.only_unified):
            write(directory / file, value)
        # opened here: the child is the git user by then, and may not
        procs = os.open(directory / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        undo.callback(os.close, procs)
        yield Cell(cgroups, name, lambda: enter(procs))


def limits(memory_bytes: int, *, unified: bool) -> tuple[tuple[str, str], ...]:
    """Files of a cgroup and what is written to them, in order: no swap beside the memory."""
    if unified:
        return (("memory.max", str(memory_bytes)), ("memory.swap.max", "0"))
    return (
        ("memory.limit_in_bytes", str(memory_bytes)),
        ("memory.memsw.limit_in_bytes", str(memory_bytes)),
    )


def enter(procs: int) -> None:
    """Move this very process in."""
    os.write(procs, b"0")


def remove(cgroups: Cgroups, name: str) -> None:
    """End a cell and all that is in it. Idempotent."""
    cgroups.kill(name)
    cgroups.remove(name)


def sweep(cgroups: Cgroups) -> None:
    """Remove what a dead daemon left; before the first cell is made."""
    for name in cgroups.found():
        if name.startswith(PREFIX):
            remove(cgroups, name)
