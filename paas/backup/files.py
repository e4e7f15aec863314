"""Archives as files: written whole or not at all, and read from wherever they come.

Touches: the files it is asked for. What is being written has no name until it is whole
(open(2), O_TMPFILE), so that nothing is left of it however the daemon ends.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paas.backup.descriptors import CHUNK, temporary, write_all
from paas.console import Console
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.image.durable import sync_directory, temporary_name

LOOK_EVERY_BYTES = 64 << 20


@contextmanager
def whole_file(path: Path) -> Iterator[int]:
    """A descriptor to write to; the file gets its name, durably, when the block ends well.

    It takes the place of a file of that name; anything else of that name is left alone.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise PaasError(f"{path} is not a file; it was left alone", "name a file")
    with told(path), opened_nameless(path.parent) as (descriptor, name):
        yield descriptor
        os.fsync(descriptor)
        failpoint("backup.written")
        draft = temporary_name(path)
        try:
            if name is None:
                link(descriptor, draft)
            else:
                name.rename(draft)
            draft.rename(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


@contextmanager
def opened_nameless(folder: Path) -> Iterator[tuple[int, Path | None]]:
    """A file in a folder that goes away by itself; with a name where its disk cannot do that."""
    name = None
    try:
        flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
        descriptor = os.open(folder, flags, 0o600)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR):
            raise
        name = temporary_name(folder / "backup")
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)
        if name is not None:
            name.unlink(missing_ok=True)


def link(descriptor: int, path: Path) -> None:
    """Give a nameless file a name (linkat(2), AT_SYMLINK_FOLLOW)."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        source = f"/proc/self/fd/{descriptor}"
        os.link(source, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What stands in a file's way, in a sentence."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise PaasError(
            f"{path} cannot be written: {(error.strerror or '').lower()}",
            "name a file in a folder that is there",
        ) from error


@contextmanager
def archive_at(path: Path) -> Iterator[int]:
    """A descriptor of an archive that is a file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise PaasError(f"{path} cannot be read: {reason}", "name a backup's file") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PaasError(f"{path} is not a file", "name a backup's file, or give - for input")
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def archive_given(console: Console, folder: Path, left_free_bytes: int) -> Iterator[int]:
    """A descriptor of the archive on the caller's standard input, kept in a file if need be.

    Where that is a file read from its begin, it is used as it is. left_free_bytes: of the
    disk, whatever comes.
    """
    given = os.fstat(console.stdin)
    if stat.S_ISREG(given.st_mode) and os.lseek(console.stdin, 0, os.SEEK_CUR) == 0:
        yield console.stdin
        return
    if os.isatty(console.stdin):
        raise PaasError("a backup is read from standard input", "give one: ... < FILE")
    with temporary(folder) as file:
        receive(console, file.fileno(), left_free_bytes)
        yield file.fileno()


def receive(console: Console, descriptor: int, left_free_bytes: int) -> None:
    """Keep what the caller sends, as long as the disk has room to spare."""
    left = 0
    while data := console.read(CHUNK):
        left -= len(data)
        if left <= 0:
            left = LOOK_EVERY_BYTES
            check_room(descriptor, left_free_bytes)
        write_all(descriptor, data)
    console.check_cancelled()


def check_room(descriptor: int, left_free_bytes: int) -> None:
    found = os.fstatvfs(descriptor)
    if found.f_bavail * found.f_frsize < left_free_bytes:
        raise PaasError(
            f"less than {left_free_bytes >> 20:,} MiB would be left free on the disk",
            "free some space, then do it again",
        )
