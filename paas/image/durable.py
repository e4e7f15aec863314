"""Files and directories that are whole or absent: temporary name, sync, rename, sync.

Touches: only the paths it is given.
"""

import ctypes
import os
import secrets
from contextlib import suppress
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


# as many descriptors are open at once as a tree is deep, up to this
DESCEND = 64


def remove_tree(path: Path) -> None:
    """Delete a directory and all in it, however deep, without following links. Idempotent.

    Raises OSError when something in it is mounted upon.
    """
    try:
        top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        while hoisted(top, top, 0):
            continue
    finally:
        os.close(top)
    path.rmdir()


def hoisted(directory: int, top: int, depth: int) -> bool:
    """Empty a directory; what lies too deep is moved to the top instead, and True returned.

    shutil.rmtree calls itself once a level: what a hostile build nests ends it.
    """
    left = False
    with os.scandir(directory) as scan:
        entries = list(scan)
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            with suppress(FileNotFoundError):
                os.unlink(entry.name, dir_fd=directory)
        elif depth == DESCEND:
            os.rename(entry.name, secrets.token_hex(16), src_dir_fd=directory, dst_dir_fd=top)
            left = True
        else:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            below = os.open(entry.name, flags, dir_fd=directory)
            try:
                left |= hoisted(below, top, depth + 1)
            finally:
                os.close(below)
            os.rmdir(entry.name, dir_fd=directory)
    return left
