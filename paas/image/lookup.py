"""Small files of an image, found in its layers as the overlay would show them.

Touches: files of layers, which strangers wrote: opened step by step without following
links, regular ones only, at most a megabyte.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from paas.image.layers import Layers
from paas.model.release import Layer

FILE_BYTES = 1 << 20
STEP = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
OPAQUE = "trusted.overlay.opaque"


def read(layers: Layers, stack: Sequence[Layer], path: str) -> str | None:
    """The text of a small file of an image; None where there is none, or no regular one."""
    for layer in reversed(stack):
        text, hidden = look(layers.path(layer), path)
        if text is not None:
            return text
        if hidden:
            return None
    return None


def look(root: Path, path: str) -> tuple[str | None, bool]:
    """The file's text in one layer, and whether the layer hides what is below it."""
    folder, hidden = os.open(root, STEP | os.O_DIRECTORY), False
    try:
        for part in path.split("/"):
            hidden |= is_opaque(folder)
            try:
                below = os.open(part, STEP, dir_fd=folder)
            except FileNotFoundError:
                return None, hidden
            except OSError:  # a link, or a device: the overlay's mark for "removed"
                return None, True
            os.close(folder)
            folder = below
        if not stat.S_ISREG(os.fstat(folder).st_mode):
            return None, True
        return os.read(folder, FILE_BYTES).decode(errors="replace"), True
    finally:
        os.close(folder)


def is_opaque(folder: int) -> bool:
    """Whether a directory of a layer hides what layers below have there."""
    try:
        return os.getxattr(folder, OPAQUE) == b"y"
    except OSError:
        return False
