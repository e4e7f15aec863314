"""Directories of a layer that hide what lies below: which keep the mark, and which lose it."""

import os
from pathlib import Path

from paas.image import opaque


def marked(folder: Path) -> bool:
    return "trusted.overlay.opaque" in os.listxattr(folder)


def test_only_what_replaces_a_folder_below_goes_on_hiding(tmp_path: Path) -> None:
    upper, lower = tmp_path / "upper", tmp_path / "lower"
    for name in ("usr/include/linux", "usr/share/old"):
        (upper / name).mkdir(parents=True)
    (lower / "usr/share/old").mkdir(parents=True)
    opaque.mark(upper, ["usr/include", "usr/share/old"])
    opaque.reveal(upper, [lower])
    assert not marked(upper / "usr/include")
    assert marked(upper / "usr/share/old")
