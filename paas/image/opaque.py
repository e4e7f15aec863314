"""Directories of a layer that hide what layers below have there: marked for the overlay.

Touches: extended attributes of directories in a draft, which strangers filled. Source:
overlayfs.rst, "whiteouts and opaque directories". The kernel reads trusted.*; an overlay
mounted inside a container reads user.*.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from paas.errors import PaasError
from paas.image.descend import descended

NAMES = ("trusted.overlay.opaque", "user.overlay.opaque")


def mark(root: Path, paths: Iterable[str]) -> None:
    """Make directories below root opaque; "" is the root itself."""
    for path in paths:
        try:
            with descended(root, *filter(None, path.split("/"))) as folder:
                for name in NAMES:
                    os.setxattr(folder, name, b"y")
        except OSError as error:
            raise PaasError(
                f"a layer of the image hides what it does not have: {path[:200]}"
            ) from error


def reveal(root: Path, lowers: Sequence[Path]) -> None:
    """Take the mark from directories that hide nothing: those that none of lowers has.

    The kernel marks every directory it makes. A layer that is used over more than what it
    was made on would hide what it has never seen.
    """
    pending = [""]
    while pending:
        name = pending.pop()
        for item in list(os.scandir(root / name)):
            if not item.is_dir(follow_symlinks=False):
                continue
            inner = f"{name}/{item.name}".lstrip("/")
            found = [lower / inner for lower in lowers if os.path.lexists(lower / inner)]
            if not found:
                unmark(item.path)
            elif all(path.is_dir() and not path.is_symlink() for path in found):
                pending.append(inner)


def unmark(folder: str) -> None:
    for name in NAMES:
        with suppress(OSError):  # it has none
            os.removexattr(folder, name, follow_symlinks=False)
