"""Trees of files: how much disk they take, and many of them deleted.

Touches: only the paths it is given, of which hostile code may have made what is inside.
"""

import errno
import logging
import os
import stat
from collections.abc import Iterator, Sequence
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


def disk_usage(path: Path) -> int:
    """Bytes of disk under a directory; a file with several names counts once.

    Raises PaasError where folders are nested too deeply to be named.
    """
    total = 0
    seen: set[int] = set()
    for _, status in walk(path):
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            if status.st_ino in seen:
                continue
            seen.add(status.st_ino)
        total += status.st_blocks * 512
    return total


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
