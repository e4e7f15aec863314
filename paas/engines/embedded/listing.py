"""The processes of a container, as it sees them itself: its numbers, its users.

Touches: /proc (read). Source: proc(5), /proc/<pid>/stat and status.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from paas.engines.base import Process

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def processes(pids: Iterable[int], uid_base: int) -> list[Process]:
    """Those there still are, by the host's numbers."""
    every = (process(pid, uid_base) for pid in sorted(pids))
    return [one for one in every if one is not None]


def process(pid: int, uid_base: int) -> Process | None:
    """One process by the host's number; None when it is gone."""
    home = Path("/proc") / str(pid)
    try:
        text = (home / "stat").read_text(errors="replace")
        status = (home / "status").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    before, _, after = text.rpartition(")")
    fields = after.split()
    said = dict(line.partition(":")[::2] for line in status.splitlines())
    return Process(
        pid=int(said["NSpid"].split()[-1]),
        uid=int(said["Uid"].split()[1]) - uid_base,
        name=before.partition("(")[2],
        state=fields[0],
        cpu_seconds=(int(fields[11]) + int(fields[12])) / TICKS,
        memory_bytes=int(fields[21]) * PAGE,
    )
