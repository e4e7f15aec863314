"""Going down a tree that somebody hostile made: no link is followed, no mount is entered.

Touches: openat2(2), by its number: the C library has no function for it.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long

OPENAT2 = 437  # the same on every architecture (asm-generic/unistd.h)
NO_MOUNTS, NO_MAGIC, NO_LINKS, BENEATH = 1, 2, 4, 8
ATTEMPTS = 50
FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def enter(directory: int, name: str | bytes) -> int:
    """A descriptor of a directory directly in another one; the caller closes it.

    Raises OSError: EXDEV where something is mounted, ELOOP or ENOTDIR for a link.
    """
    how = struct.pack("QQQ", FLAGS, 0, NO_MOUNTS | NO_MAGIC | NO_LINKS | BENEATH)
    return open_below(directory, os.fsencode(name), how)


def open_below(directory: int, path: bytes, how: bytes) -> int:
    """openat2(2) itself; again where names changed under it (EAGAIN)."""
    number, size = ctypes.c_long(OPENAT2), ctypes.c_size_t(len(how))
    for _ in range(ATTEMPTS):
        found = LIBC.syscall(number, ctypes.c_int(directory), ctypes.c_char_p(path), how, size)
        if found >= 0:
            return int(found)
        error = ctypes.get_errno()
        if error != errno.EAGAIN:
            break
    raise OSError(error, os.strerror(error), os.fsdecode(path))


def beneath(root: int, path: str, flags: int = os.O_PATH | os.O_DIRECTORY) -> int:
    """A descriptor of a folder some way below an open one; the caller closes it.

    No link is followed and the way never leads out, whoever changes the tree meanwhile.
    Raises OSError: ELOOP for a link, EXDEV for a way out, ENOENT, ENOTDIR.
    """
    how = struct.pack("QQQ", flags | os.O_CLOEXEC, 0, NO_MAGIC | NO_LINKS | BENEATH)
    return open_below(root, os.fsencode(path), how)


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
