"""A process in the foreground: runc as our child, relaying the streams it was given.

Touches: one runc child, a pty pair when a terminal is asked for. Both one-off
containers and processes that join a running container are sessions.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from paas import inotify
from paas.command import DEVNULL, Child, Runner
from paas.engines.base import Streams
from paas.engines.embedded.cgroups import signal_process
from paas.engines.embedded.runtime import logged_reason
from paas.errors import PaasError
from paas.model.container import ExitStatus

BEGIN_TIMEOUT_S = 30.0
# how long runc may take to pass on the last output once everything is dead
FLUSH_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Ways:
    """What differs between the kinds of sessions."""

    signal: Callable[[int, int], None]  # pass a signal on; gets the first process's pid
    kill: Callable[[int], None]  # end everything; gets the same
    judge: Callable[[int], ExitStatus]  # from runc's exit code, 128 + n for signals
    clean: Callable[[], None]  # free what the session had


class Foreground:
    """Satisfies engines.base.Session. Safe to use from several threads."""

    def __init__(self, child: Child, pid: int, terminal: int | None, ways: Ways) -> None:
        self.terminal = terminal
        self.address: IPv4Address | None = None
        self.pid = pid
        self._child = child
        self._ways = ways
        self._lock = threading.Lock()
        self._status: ExitStatus | None = None
        self._closed = False

    def wait(self, timeout_s: float | None = None) -> ExitStatus | None:
        """Its exit status, or None when it still runs after timeout_s."""
        if not gone(self._child, timeout_s):
            return None
        with self._lock:
            if self._status is None:
                code = self._child.wait()
                self._status = self._ways.judge(code if code >= 0 else 128 - code)
            return self._status

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self._child.poll() is None:
            self._ways.signal(self.pid, number)

    def kill(self) -> None:
        """End it and everything it started, at once."""
        with self._lock:
            if not self._closed:
                self._ways.kill(self.pid)
        if not gone(self._child, FLUSH_TIMEOUT_S):
            self._child.kill()

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal a new size; runc passes it on."""
        with self._lock:
            if self.terminal is None or self._closed:
                return
            set_size(self.terminal, rows, columns)
        if self._child.poll() is None:
            signal_process(self._child.pid, signal.SIGWINCH)

    def close(self) -> None:
        """Kill what is left and free everything. Idempotent."""
        if not self._closed:
            self.kill()
            self.wait()
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self.terminal is not None:
                os.close(self.terminal)
                self.terminal = None
        self._ways.clean()


def begin(
    runner: Runner,
    argv: tuple[str, ...],
    streams: Streams,
    pid_file: Path,
    log: Path,
    ways: Ways,
    *,
    gently: bool = False,
) -> Foreground:
    """Start runc in the foreground and return once the process runs; gently: it yields to others.

    Raises PaasError with the reason when it does not; the caller then frees the rest.
    """
    master, given = terminal_or_streams(streams)
    events = inotify.Inotify()
    try:
        events.watch(pid_file.parent, inotify.MOVED_TO)
        child = runner.spawn(argv, stdin=given[0], stdout=given[1], stderr=given[2], gently=gently)
        try:
            pid = first_pid(child, events, pid_file, log)
        except BaseException:
            child.kill()
            child.wait()
            raise
    except BaseException:
        if master is not None:
            os.close(master)
        raise
    finally:
        events.close()
        if master is not None:
            os.close(given[0])
    return Foreground(child, pid, master, ways)


def terminal_or_streams(streams: Streams) -> tuple[int | None, tuple[int, int, int]]:
    """Our end of a pty when one is wanted, and the child's three descriptors.

    The pty between us and runc is raw: the one that runc makes in the container
    is where echo and line editing happen.
    """
    if streams.terminal is None:
        every = (streams.stdin, streams.stdout, streams.stderr)
        first, second, third = (DEVNULL if one is None else one for one in every)
        return None, (first, second, third)
    master, slave = pty.openpty()
    tty.setraw(slave)
    set_size(master, *streams.terminal)
    return master, (slave, slave, slave)


def set_size(terminal: int, rows: int, columns: int) -> None:
    """Set a terminal's size, kept within what a terminal can have."""
    size = struct.pack("4H", *(max(1, min(value, 0xFFFF)) for value in (rows, columns)), 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


def first_pid(child: Child, events: inotify.Inotify, pid_file: Path, log: Path) -> int:
    """The pid runc writes when the process runs, or PaasError with runc's reason."""
    deadline = time.monotonic() + BEGIN_TIMEOUT_S
    poller = select.poll()
    poller.register(events.descriptor, select.POLLIN)
    process = os.pidfd_open(child.pid)
    poller.register(process, select.POLLIN)
    try:
        while not pid_file.exists():
            if child.poll() is not None and not pid_file.exists():
                raise PaasError(f"the process could not be started: {logged_reason(log)}")
            if not poller.poll(max(0, deadline - time.monotonic()) * 1000):
                raise PaasError(f"the process did not start within {BEGIN_TIMEOUT_S:.0f} s")
            events.read()
    finally:
        os.close(process)
    return int(pid_file.read_text())


def gone(child: Child, timeout_s: float | None) -> bool:
    """Whether a child ends within timeout_s (None: wait for it)."""
    if child.poll() is not None:
        return True
    try:
        process = os.pidfd_open(child.pid)
    except ProcessLookupError:
        return True
    try:
        poller = select.poll()
        poller.register(process, select.POLLIN)
        return bool(poller.poll(None if timeout_s is None else max(0, timeout_s * 1000)))
    finally:
        os.close(process)
