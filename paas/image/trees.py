"""Trees of files: how much disk they take, and many of them deleted.

Touches: only the paths it is given, of which hostile code may have made what is inside.
"""

import errno
import hashlib
import logging
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from paas.errors import PaasError
from paas.image.durable import remove_tree

log = logging.getLogger(__name__)


def remove_all(paths: Sequence[Path]) -> None:
    """Delete files and directories; one that cannot be is told, and left."""
    for path in paths:
        try:
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s stays: %s", path, error)


@dataclass(frozen=True, slots=True)
class Survey:
    """What is seen of a tree without reading a file.

    bytes: of disk, a file with several names counted once. shape: the same for two trees
    with the same names, modes and sizes, which are likely to be equal.
    """

    bytes: int
    shape: str


def survey(root: Path) -> Survey:
    """Look at every name in a directory.

    Raises PaasError where folders are nested too deeply to be named.
    """
    total, shape = 0, 0
    seen: set[int] = set()
    start = len(os.fspath(root))
    for path, status in walk(root):
        shape += outline(path[start:], status)
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            if status.st_ino in seen:
                continue
            seen.add(status.st_ino)
        total += status.st_blocks * 512
    return Survey(total, f"{shape % (1 << 64):016x}")


def outline(path: str, status: os.stat_result) -> int:
    """A number for a name, a mode and a size; their sum does not depend on the order."""
    sized = stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)
    words = f"{status.st_mode:o} {status.st_size if sized else 0} ".encode() + os.fsencode(path)
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest())


def walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Path and status of a directory and of all in it; no link is followed.

    Raises PaasError where folders are nested too deeply to be named.
    """
    yield os.fspath(root), root.lstat()
    pending = [os.fspath(root)]
    while pending:
        for path, status in entries(pending.pop()):
            if stat.S_ISDIR(status.st_mode):
                pending.append(path)
            yield path, status


def entries(path: str) -> list[tuple[str, os.stat_result]]:
    """Path and status of each entry of a directory."""
    try:
        with os.scandir(path) as scan:
            return [(entry.path, entry.stat(follow_symlinks=False)) for entry in scan]
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise PaasError(
            "folders are nested too deeply to be kept", "see what the build makes below /app"
        ) from error
