"""Files and directories that are whole or absent: temporary name, sync, rename, sync.

Touches: only the paths it is given.
"""

import ctypes
import os
import secrets
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)


def temporary_name(path: Path) -> Path:
    """A name beside path that nobody else uses."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def write(path: Path, text: str) -> None:
    """Replace a small file's text durably."""
    draft = temporary_name(path)
    with draft.open("x") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(path: Path) -> None:
    """Make everything written so far on path's filesystem durable (syncfs(2))."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if LIBC.syncfs(descriptor) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)
