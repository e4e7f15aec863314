"""Priority: who goes first where processors or disks are too few.

Touches: the priority of processes. Linux weighs sessions before it weighs the processes in
them, so nice alone would count only among a session's own. Sources: sched(7), "The autogroup
feature"; setpriority(2); ioprio_set(2); sched_setattr(2); Linux's scheduler/sched-eevdf.rst.
"""

import ctypes
import os
import platform
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

NICE = 10
AFTER_APPS = 5  # a third of what any other program weighs, a sixth of what apps do together
LIBC = ctypes.CDLL(None, use_errno=True)
ON_AMD64 = platform.machine() == "x86_64"  # elsewhere the numbers of asm-generic/unistd.h
IOPRIO_SET = 251 if ON_AMD64 else 30
SCHED_SETATTR, SCHED_GETATTR = (314, 315) if ON_AMD64 else (274, 275)
WHO_PROCESS = 1
BEST_EFFORT, LAST = 2, 7  # the last of those that are served at all times, unlike the idle class
CLASS_SHIFT = 13
SHORT_NS = 100_000  # the shortest turn there is
ORDINARY = 0  # SCHED_OTHER
# struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period, util min, max
ATTRIBUTES = struct.Struct("=IIQiIQQQII")


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


def answer_soon(pids: Iterable[int]) -> None:
    """Have processes, and what they will start, get their turns sooner and have shorter ones.

    Their share of the processors is the same. What answers requests sleeps most of the time
    and then wants little: it need not wait for somebody else's turn to end. Kernels before
    Linux 6.12 take no notice; nothing happens to processes that are gone.
    """
    for pid in pids:
        for thread in threads(pid):
            shorten_turns(thread)


def threads(pid: int) -> list[int]:
    """Every thread of a process; none when it is gone."""
    with suppress(OSError):
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208 - names only
    return []


def shorten_turns(thread: int) -> None:
    """Give a thread the shortest turns, if it is an ordinary one."""
    buffer = ctypes.create_string_buffer(ATTRIBUTES.size)
    if LIBC.syscall(SCHED_GETATTR, thread, buffer, ATTRIBUTES.size, 0):
        return
    size, policy, flags, nice, *_ = ATTRIBUTES.unpack(buffer.raw)
    if policy == ORDINARY:
        wanted = ATTRIBUTES.pack(size, policy, flags, nice, 0, SHORT_NS, 0, 0, 0, 0)
        LIBC.syscall(SCHED_SETATTR, thread, wanted, 0)
