"""Directories of a layer that hide what layers below have there: marked for the overlay.

Touches: extended attributes of directories in a draft, which strangers filled. Source:
overlayfs.rst, "whiteouts and opaque directories". The kernel reads trusted.*; an overlay
mounted inside a container reads user.*.
"""

import os
from collections.abc import Iterable
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
