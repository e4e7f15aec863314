"""Files and directories that are whole or absent: temporary name, sync, rename, sync.

Touches: only the paths it is given.
"""

import ctypes
import os
import secrets
from contextlib import suppress
from pathlib import Path

from paas.image.descend import enter

LIBC = ctypes.CDLL(None, use_errno=True)


def temporary_name(path: Path) -> Path:
    """A name beside path that nobody else uses."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def write(path: Path, text: str) -> None:
    """Replace a small file's text durably."""
    draft = temporary_name(path)
    write_new(draft, text)
    draft.rename(path)
    sync_directory(path.parent)


def write_new(path: Path, text: str) -> None:
    """A new small file whose text is durable; its name is not yet."""
    with path.open("x") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


RENAME_EXCHANGE = 2  # renameat2(2)
AT_FDCWD = -100


def exchange(one: Path, other: Path) -> None:
    """Have two entries of one filesystem change places, at one moment."""
    names = os.fsencode(one), os.fsencode(other)
    if LIBC.renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one))
    sync_directory(one.parent)


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

    What is mounted in it is never entered: OSError, and it stays with all that is in it.
    Two at once may delete the same tree.
    """
    try:
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        with suppress(FileNotFoundError):
            empty(enter(parent, path.name))
            os.rmdir(path.name, dir_fd=parent)
    finally:
        os.close(parent)


def empty(top: int) -> None:
    """Delete all that is in a directory, and close it."""
    try:
        while hoisted(top, top, 0):
            continue
    finally:
        os.close(top)


def hoisted(directory: int, top: int, depth: int) -> bool:
    """Empty a directory; what lies too deep is moved to the top instead, and True returned.

    shutil.rmtree calls itself once a level: what a hostile build nests ends it.
    """
    left = False
    with os.scandir(directory) as scan:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan]
    for name, is_directory in entries:
        with suppress(FileNotFoundError):
            if not is_directory:
                os.unlink(name, dir_fd=directory)
            elif depth == DESCEND:
                os.rename(name, secrets.token_hex(16), src_dir_fd=directory, dst_dir_fd=top)
                left = True
            else:
                left |= emptied(directory, name, top, depth + 1)
    return left


def emptied(directory: int, name: str, top: int, depth: int) -> bool:
    """Empty a directory of a directory, and remove it; whether something was moved to the top."""
    below = enter(directory, name)
    try:
        left = hoisted(below, top, depth)
    finally:
        os.close(below)
    os.rmdir(name, dir_fd=directory)
    return left
