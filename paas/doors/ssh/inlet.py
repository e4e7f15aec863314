"""What a client sends, on its way to a command's standard input.

Touches: the writing end of that input. Data goes straight from the transport's thread
into the pipe; when the pipe is full the rest waits here and a thread of its own carries
on, so that the connection never stops. The client's window bounds what can wait.
"""

import contextlib
import os
import select
import threading
from collections import deque

from paramiko.channel import Channel
from paramiko.ssh_exception import SSHException

from paas.doors.ssh.transport import WINDOW_BYTES, grant, may_send

ACKNOWLEDGE_BYTES = WINDOW_BYTES // 8


class Inlet:
    """One channel's input. feed() and end() never block; close() may be called twice."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._waiting: deque[memoryview] = deque()
        self._descriptor: int | None = None
        self._window = WINDOW_BYTES
        self._taken = 0
        self._ended = False
        self._broken = False
        self._spilling = False

    def attach(self, descriptor: int) -> None:
        """Give the writing end; it is ours to close from now on."""
        os.set_blocking(descriptor, False)
        with self._lock:
            self._descriptor = descriptor
            self._write_or_spill()

    def feed(self, data: bytes) -> None:
        """Data from the client; SSHException when it sent more than it was granted."""
        with self._lock:
            self._window -= len(data)
            if self._window < 0:
                raise SSHException("the client ignores its window")
            self._waiting.append(memoryview(data))
            if self._broken or (self._descriptor is not None and not self._spilling):
                self._write_or_spill()
        self.acknowledge(waiting=False)

    def inject(self, data: bytes) -> None:
        """Our own bytes after the client's, outside its window."""
        with self._lock:
            self._taken -= len(data)
            self._waiting.append(memoryview(data))
            if self._broken or (self._descriptor is not None and not self._spilling):
                self._write_or_spill()

    def end(self) -> None:
        """The client will send no more: the command sees the end of its input in time."""
        with self._lock:
            self._ended = True
            if self._descriptor is not None and not self._waiting:
                self._close()

    def close(self) -> None:
        """Nobody reads any more: what waits is dropped, what comes is thrown away."""
        with self._lock:
            self._break()

    def acknowledge(self, *, waiting: bool) -> None:
        """Grant the client a new window for what was taken.

        During a key exchange only another thread than the transport's may wait for its
        end; the transport's tries again once it is over.
        """
        if not waiting and not may_send(self._channel):
            return
        with self._lock:
            granted = self._taken if self._taken >= ACKNOWLEDGE_BYTES else 0
            self._taken -= granted
            self._window += granted
        if granted and not self._channel.closed:
            grant(self._channel, granted)

    # -- with the lock held --------------------------------------------------------

    def _write_or_spill(self) -> None:
        if not self._write() and not self._spilling:
            self._spilling = True
            threading.Thread(target=self._spill, name="ssh-spill", daemon=True).start()

    def _write(self) -> bool:
        """Write what can be written at once; False when something has to wait."""
        while self._waiting:
            if self._broken or self._descriptor is None:
                self._drop()
                return True
            try:
                count = os.write(self._descriptor, self._waiting[0])
            except BlockingIOError:
                return False
            except OSError:
                self._break()
                return True
            self._taken += count
            self._waiting[0] = self._waiting[0][count:]
            if not self._waiting[0]:
                self._waiting.popleft()
        if self._ended:
            self._close()
        return True

    def _break(self) -> None:
        self._broken = True
        self._drop()
        self._close()

    def _drop(self) -> None:
        self._taken += sum(len(part) for part in self._waiting)
        self._waiting.clear()

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            self._broken = True
            os.close(descriptor)

    # -- the thread for what waits -------------------------------------------------

    def _spill(self) -> None:
        while True:
            with self._lock:
                if self._write():
                    self._spilling = False
                    break
                descriptor = self._descriptor
            if descriptor is not None:
                wait_writable(descriptor)
            with contextlib.suppress(SSHException, EOFError):
                self.acknowledge(waiting=True)
        with contextlib.suppress(SSHException, EOFError):
            self.acknowledge(waiting=True)


def wait_writable(descriptor: int) -> None:
    """Until there is room, at most a moment: the descriptor may be closed meanwhile."""
    waiter = select.poll()
    waiter.register(descriptor, select.POLLOUT)
    waiter.poll(200)
