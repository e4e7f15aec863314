"""What a layer holds: how many files, how large, and where most of it is.

Touches: directories of layers, read without following links.
"""

import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from paas.image.trees import walk

DEPTH = 3
LARGEST = 5


@dataclass(frozen=True, slots=True)
class Contents:
    """largest: paths of a few components with the bytes below them; removed: names it hides."""

    files: int
    bytes: int
    removed: int
    largest: tuple[tuple[str, int], ...]


def look(root: Path) -> Contents:
    """Look through a layer's files; a file with several names counts once."""
    files = total = removed = 0
    seen: set[int] = set()
    below: Counter[str] = Counter()
    start = len(os.fspath(root)) + 1
    for path, status in walk(root):
        if stat.S_ISDIR(status.st_mode):
            continue
        if stat.S_ISCHR(status.st_mode):
            removed += 1
            continue
        files += 1
        if status.st_ino in seen:
            continue
        if status.st_nlink > 1:
            seen.add(status.st_ino)
        total += status.st_size
        parts = path[start:].split("/")
        below["/" + "/".join(parts[:DEPTH]) + ("/" if len(parts) > DEPTH else "")] += status.st_size
    return Contents(files, total, removed, tuple(below.most_common(LARGEST)))
