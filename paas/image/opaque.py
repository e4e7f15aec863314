"""Directories of a layer that hide what layers below have there: marked for the overlay.

Touches: extended attributes of directories in a draft, which strangers filled: opened
step by step without following links. Source: overlayfs.rst, "whiteouts and opaque
directories". The kernel reads trusted.*; an overlay mounted inside a container reads user.*.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from paas.errors import PaasError

TRUSTED, USER = "trusted.overlay.opaque", "user.overlay.opaque"
STEP = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def mark(root: Path, paths: Iterable[str]) -> None:
    """Make directories below root opaque; "" is the root itself."""
    for path in paths:
        folder = open_below(root, path)
        try:
            for name in (TRUSTED, USER):
                os.setxattr(folder, name, b"y")
        finally:
            os.close(folder)


def open_below(root: Path, path: str) -> int:
    """A descriptor of a directory below root; PaasError where a link or nothing is in the way."""
    folder = os.open(root, STEP)
    try:
        for part in filter(None, path.split("/")):
            if part == "..":
                raise PaasError("a layer of the image hides something outside of it")
            below = os.open(part, STEP, dir_fd=folder)
            os.close(folder)
            folder = below
    except OSError as error:
        os.close(folder)
        raise PaasError(
            f"a layer of the image hides what it does not have: {path[:200]}"
        ) from error
    except PaasError:
        os.close(folder)
        raise
    return folder
