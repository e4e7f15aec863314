"""Being on the streams of a container that conmon holds, from its start or from some time on.

Touches: conmon's attach socket and its pipe for sizes, in the container's directory. Sources:
conmon, src/conn_sock.c: packets, of which those from the container begin with the stream's
number, and those to it are cut at 32 KiB; src/ctrl.c: lines of two numbers, of which it takes
the first alone when it reads several at once, so that each fills what it reads. conmon
blocks while somebody attached does not receive, and tells nobody of an end meanwhile.
"""

import os
import socket
from contextlib import suppress
from pathlib import Path

from paas.engines.base import Stream
from paas.errors import PaasError

STREAMS = {2: Stream.OUT, 3: Stream.ERROR}
PACKET_BYTES = 64 << 10
INPUT_BYTES = 16 << 10
LARGEST = 1000  # conmon takes no larger terminal
SIZE_BYTES = 199


class ConmonWire:
    """Satisfies engines.base.Wire. Safe to use from several threads."""

    def __init__(self, home: Path) -> None:
        """Attach to the container whose directory this is; OSError when conmon is gone."""
        self._sizes = home / "winsz"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            connect(self._socket, home)
        except BaseException:
            self._socket.close()
            raise

    def receive(self) -> tuple[Stream, bytes] | None:
        """What the container said next; None at its end, or once this is closed."""
        try:
            packet = self._socket.recv(PACKET_BYTES)
        except OSError:
            return None
        return (STREAMS.get(packet[0], Stream.OUT), packet[1:]) if packet else None

    def send(self, data: bytes) -> None:
        """All of it; waits while the container reads nothing."""
        for start in range(0, len(data), INPUT_BYTES):
            self._socket.send(data[start : start + INPUT_BYTES])

    def end_input(self) -> None:
        """No more input; output still comes."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def resize(self, rows: int, columns: int) -> None:
        """Tell conmon, unless it is gone."""
        size = " ".join(str(max(1, min(LARGEST, number))) for number in (rows, columns))
        with suppress(OSError):
            pipe = os.open(self._sizes, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(pipe, size.ljust(SIZE_BYTES - 1).encode() + b"\n")
            finally:
                os.close(pipe)

    def close(self) -> None:
        """Leave, and wake whoever receives. Idempotent."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def connect(to: socket.socket, home: Path) -> None:
    """By the open directory: a path may be longer than an address (unix(7))."""
    directory = os.open(home, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        to.connect(f"/proc/self/fd/{directory}/attach")
    finally:
        os.close(directory)


def attached(home: Path, name: str) -> ConmonWire:
    """On a container's wire, or PaasError."""
    try:
        return ConmonWire(home)
    except OSError as error:
        raise PaasError(f"{name} does not answer: it has just ended") from error
