"""Word from the kernel that a file appeared or changed, so that nobody has to poll.

Touches: inotify(7), through ctypes. Errors are OSError.
"""

import ctypes
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from paas.polling import readable

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.inotify_rm_watch.argtypes = [ctypes.c_int, ctypes.c_int]
LIBC.inotify_add_watch.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32]

MODIFIED = 0x0002
MOVED_TO = 0x0080
CREATED = 0x0100
DELETED = 0x0200
OVERFLOWED = 0x4000
IGNORED = 0x8000

HEADER = struct.Struct("iIII")
READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to `name` in the watched directory; `mask` says what.

    An OVERFLOWED event has watch -1: some were lost, so look at everything again.
    """

    watch: int
    mask: int
    name: str


class Inotify:
    """One inotify instance: watch directories, then read events. Closed by its owner."""

    def __init__(self) -> None:
        self.descriptor = LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.descriptor < 0:
            raise failure("inotify")

    def watch(self, directory: Path, mask: int) -> int:
        """Watch a directory; the number its events carry."""
        number = int(LIBC.inotify_add_watch(self.descriptor, os.fsencode(directory), mask))
        if number < 0:
            raise failure(f"watch {directory}")
        return number

    def forget(self, number: int) -> None:
        """Watch a directory no longer; of one that is gone this was so already."""
        LIBC.inotify_rm_watch(self.descriptor, number)

    def read(self, timeout_s: float | None = 0) -> list[Event]:
        """Events that have come, waiting up to timeout_s (None: for ever) for the first."""
        if not readable([self.descriptor], timeout_s):
            return []
        try:
            return parse(os.read(self.descriptor, READ_BYTES))
        except BlockingIOError:
            return []

    def close(self) -> None:
        """Stop watching."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def parse(data: bytes) -> list[Event]:
    """Events in what read(2) gave."""
    events = []
    while data:
        watch, mask, _cookie, length = HEADER.unpack_from(data)
        name = data[HEADER.size : HEADER.size + length].rstrip(b"\0")
        events.append(Event(watch, mask, os.fsdecode(name)))
        data = data[HEADER.size + length :]
    return events


def failure(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what)
