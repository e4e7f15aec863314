"""How containers end: heard from conmon's exit files and from the processes themselves.

Touches: the exit directory (read) and a pidfd per running container. One thread waits
for both; nothing is polled. conmon writes <exit dir>/<container id> with the code in
decimal, 128 + n for signal n, once it has reaped the container's first process.
"""

import logging
import os
import selectors
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from paas import inotify
from paas.model.container import ExitStatus

log = logging.getLogger(__name__)

KILLED = 137
TERMINATED = 143
# conmon reaps at once; when it says nothing for so long after the process is gone, it may be gone
# too, or it waits for a busy disk
MONITOR_TIMEOUT_S, HUNG_S = 2.0, 30.0


def classify(code: int, memory_kills: int, *, stopped: bool) -> ExitStatus:
    """The exit status; a memory limit is the cause when the kernel killed for it and it died.

    memory_kills: those shortly before the end. So also when a child was killed and the first
    process then gave up, but not when the container lived on, was stopped by us or ended well.
    """
    died = code != 0 and not (stopped and code in (KILLED, TERMINATED))
    return ExitStatus(code, out_of_memory=memory_kills > 0 and died)


class ExitWatch:
    """Tells of every tracked container's end, once, from its own thread."""

    def __init__(
        self,
        directory: Path,
        ended: Callable[[str, int], None],
        is_monitored: Callable[[str], bool],
    ) -> None:
        """is_monitored: whether a container's conmon is there."""
        self._directory = directory
        self._ended = ended
        self._is_monitored = is_monitored
        self._events = inotify.Inotify()
        self._events.watch(directory, inotify.MOVED_TO | inotify.CREATED)
        self._lock = threading.Lock()
        self._processes: dict[str, int] = {}
        self._deadlines: dict[str, float] = {}
        self._hung_at: dict[str, float] = {}  # when a conmon that is there is waited for no longer
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._events.descriptor, selectors.EVENT_READ, None)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="exits", daemon=True)
        self._thread.start()

    def track(self, container_id: str, pid: int) -> None:
        """Tell of this container's end, at once when it has ended already."""
        try:
            process = os.pidfd_open(pid)
        except OSError:
            process = -1
        with self._lock:
            self._processes[container_id] = process
            if process < 0 or self.code(container_id) is not None:
                self._deadlines[container_id] = time.monotonic() + MONITOR_TIMEOUT_S
            else:
                self._selector.register(process, selectors.EVENT_READ, container_id)
        self._wake()

    def forget(self, container_id: str) -> None:
        """Say nothing of this container any more. Idempotent."""
        with self._lock:
            self._drop(container_id)

    def code(self, container_id: str) -> int | None:
        """What conmon says the container ended with; None while it says nothing."""
        try:
            return int((self._directory / container_id).read_text())
        except (FileNotFoundError, ValueError):
            return None

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        with self._lock:
            for container_id in list(self._processes):
                self._drop(container_id)
            self._selector.close()
        self._events.close()
        os.close(self._wake_reader)
        os.close(self._wake_writer)

    def _wake(self) -> None:
        try:
            os.write(self._wake_writer, b"\0")
        except BlockingIOError:
            return

    def _drop(self, container_id: str) -> bool:
        """Let go of one container; whether it was tracked."""
        self._deadlines.pop(container_id, None)
        self._hung_at.pop(container_id, None)
        process = self._processes.pop(container_id, None)
        if process is not None and process >= 0:
            with suppress(KeyError):
                self._selector.unregister(process)
            os.close(process)
        return process is not None

    def _run(self) -> None:
        while not self._closed:
            try:
                self._wait()
                self._report()
            except Exception:
                log.exception("watching for exits failed")
                time.sleep(1)

    def _wait(self) -> None:
        """Until something may have ended; then it has a deadline to be reported by."""
        with self._lock:
            soonest = min(self._deadlines.values(), default=None)
        timeout = None if soonest is None else max(0.0, soonest - time.monotonic())
        if any(self.code(container_id) is not None for container_id in list(self._deadlines)):
            timeout = 0
        for key, _ in self._selector.select(timeout):
            if key.fd == self._wake_reader:
                os.read(self._wake_reader, 4096)
            elif key.fd == self._events.descriptor:
                self._files_appeared()
            else:
                self._process_gone(key.data)

    def _files_appeared(self) -> None:
        for event in self._events.read():
            names = [event.name] if event.name else list(self._processes)
            with self._lock:
                for name in names:
                    if name in self._processes and self.code(name) is not None:
                        self._deadlines[name] = time.monotonic()

    def _process_gone(self, container_id: str) -> None:
        with self._lock:
            process = self._processes.get(container_id, -1)
            if process >= 0:
                self._selector.unregister(process)
                now = time.monotonic()
                self._deadlines.setdefault(container_id, now + MONITOR_TIMEOUT_S)
                self._hung_at[container_id] = now + HUNG_S

    def _report(self) -> None:
        for container_id, deadline in list(self._deadlines.items()):
            code = self.code(container_id)
            if code is None:
                if time.monotonic() < deadline or self._put_off(container_id):
                    continue
                code = self.code(container_id)  # conmon may have said it and gone just now
            with self._lock:
                tracked = self._drop(container_id)
            if tracked:
                self._ended(container_id, KILLED if code is None else code)

    def _put_off(self, container_id: str) -> bool:
        """Give a conmon that is there, and says nothing, more time; whether it gets any."""
        now = time.monotonic()
        if now >= self._hung_at.get(container_id, now) or not self._is_monitored(container_id):
            return False
        with self._lock:
            if container_id in self._deadlines:
                self._deadlines[container_id] = now + MONITOR_TIMEOUT_S
        return True
