"""Priority: who goes first where processors or disks are too few.

Touches: the priority of processes. Linux weighs sessions before it weighs the processes in
them, so nice alone would count only among a session's own. Sources: sched(7), "The autogroup
feature"; setpriority(2); ioprio_set(2).
"""

import ctypes
import os
import platform
from contextlib import suppress
from pathlib import Path

NICE = 10
OURS = -5  # of the daemon: apps that want every processor leave it a quarter
LIBC = ctypes.CDLL(None, use_errno=True)
IOPRIO_SET = {"x86_64": 251}.get(platform.machine(), 30)  # elsewhere asm-generic/unistd.h
WHO_PROCESS = 1
BEST_EFFORT, LAST = 2, 7  # the last of those that are served at all times, unlike the idle class
CLASS_SHIFT = 13


def go_first() -> None:
    """Have this process be heard when apps want all there is; in a session of its own alone.

    That of a terminal is its user's. In a control group it is the group's weight that counts.
    """
    if os.getsid(0) == os.getpid():
        weigh_session(os.getpid(), OURS)


def lower(pid: int) -> None:
    """Have the first process of a session, and what it will start, go after everybody else.

    Nothing happens when it is gone.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
    weigh_session(pid, NICE)
    LIBC.syscall(IOPRIO_SET, WHO_PROCESS, pid, BEST_EFFORT << CLASS_SHIFT | LAST)


def weigh_session(pid: int, nice: int) -> None:
    """Weigh a process's whole session; nothing where the kernel does not weigh sessions."""
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(f"{nice}\n")
