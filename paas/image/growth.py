"""Layers grown out of earlier ones: an upper that was filled on top of a layer, made whole.

What the upper left as it was in the layer below gets a second name in the upper (a
hard link: nothing is copied, and both layers stay complete and independent of each
other). Touches: the two directories it is given, which nobody else may write to.
Source: overlayfs.rst ("whiteouts and opaque directories").
"""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TypeGuard

from paas.errors import PaasError

OPAQUE = "trusted.overlay.opaque"


def complete(upper: Path, base: Path | None, provided: Sequence[str]) -> None:
    """Add to the upper's provided paths (relative ones) what base has below them.

    Nothing else of base is taken over. A provided folder comes out opaque: in a stack
    it shows its own content alone. Raises OSError where files cannot be linked,
    PaasError for a path that leaves the layer.
    """
    for path in map(checked, provided):
        if base is not None and parents(upper, base, path):
            merge(upper / path, base / path)
        seal(upper, path)


def checked(path: str) -> PurePosixPath:
    """The path, or PaasError: the sandbox named it."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\0" in path:
        raise PaasError(f"a layer cannot provide {path[:200]!r}")
    return pure


def parents(upper: Path, base: Path, path: PurePosixPath) -> bool:
    """Whether the folders above a path are folders in both; upper's are made like base's.

    A link among them would lead out of the layers: builds wrote both.
    """
    for folder in reversed(path.parents[:-1]):
        below, above = status(base / folder), status(upper / folder)
        if not is_folder(below):
            return False
        if above is None:
            make_like(upper / folder, below)
        elif not is_folder(above):
            return False
    return True


def seal(upper: Path, path: PurePosixPath) -> None:
    """Mark a provided folder as opaque, unless a link stands on the way to it."""
    if all(is_folder(status(upper / folder)) for folder in (*reversed(path.parents[:-1]), path)):
        os.setxattr(upper / path, OPAQUE, b"y", follow_symlinks=False)


def merge(upper: Path, base: Path) -> None:
    """Everything of base that upper neither has nor has deleted; folder by folder."""
    if (first := settle(upper, base)) is None:
        return
    waiting = [(upper, base, first)]
    while waiting:
        above, below, model = waiting.pop()
        with os.scandir(below) as scan:
            names = [entry.name for entry in scan]
        for name in names:
            pair = (above / name, below / name)
            if (folder := settle(*pair)) is not None:
                waiting.append((*pair, folder))
        # names that are only added here do not make a folder younger
        os.utime(above, ns=(model.st_atime_ns, model.st_mtime_ns), follow_symlinks=False)


def settle(upper: Path, base: Path) -> os.stat_result | None:
    """Settle one name; for two folders whose content is to be merged, how old the result is."""
    below, above = status(base), status(upper)
    if below is None or is_whiteout(below):
        return None
    if above is None and is_folder(below):
        make_like(upper, below)
        return below
    if above is None:
        os.link(base, upper, follow_symlinks=False)  # a link is linked itself
    elif is_whiteout(above):
        upper.unlink()
    elif is_folder(above) and is_folder(below) and not is_opaque(upper):
        return above
    return None


def status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def make_like(path: Path, model: os.stat_result) -> None:
    """A folder with the owner and mode of another."""
    path.mkdir()
    os.chown(path, model.st_uid, model.st_gid)
    path.chmod(stat.S_IMODE(model.st_mode))


def is_folder(entry: os.stat_result | None) -> TypeGuard[os.stat_result]:
    return entry is not None and stat.S_ISDIR(entry.st_mode)


def is_whiteout(entry: os.stat_result) -> bool:
    return stat.S_ISCHR(entry.st_mode) and entry.st_rdev == 0


def is_opaque(path: Path) -> bool:
    with suppress(OSError):
        return os.getxattr(path, OPAQUE, follow_symlinks=False) == b"y"
    return False
