"""Going down a tree that somebody hostile made: no link is followed, no mount is entered.

Touches: openat2(2), by its number: the C library has no function for it.
"""

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long

OPENAT2 = 437  # the same on every architecture (asm-generic/unistd.h)
NO_MOUNTS, NO_MAGIC, NO_LINKS, BENEATH = 1, 2, 4, 8
FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def enter(directory: int, name: str | bytes) -> int:
    """A descriptor of a directory directly in another one; the caller closes it.

    Raises OSError: EXDEV where something is mounted, ELOOP or ENOTDIR for a link.
    """
    how = struct.pack("QQQ", FLAGS, 0, NO_MOUNTS | NO_MAGIC | NO_LINKS | BENEATH)
    path = os.fsencode(name)
    number = ctypes.c_long(OPENAT2)
    size = ctypes.c_size_t(len(how))
    found = LIBC.syscall(number, ctypes.c_int(directory), ctypes.c_char_p(path), how, size)
    if found < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), os.fsdecode(path))
    return int(found)


@contextmanager
def descended(root: Path, *names: str) -> Iterator[int]:
    """A descriptor of a directory some way below a root, none of it a link or a mount."""
    folder = os.open(root, FLAGS)
    try:
        for name in names:
            below = enter(folder, name)
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)
