"""apt's lists of packages, carried from one layer to the next. Touches: the two folders."""

import filecmp
import shutil
from pathlib import Path


def renew(lists: Path, place: Path) -> None:
    """Put apt's lists in place; those that are there already are not copied up from below."""
    place.mkdir(parents=True, exist_ok=True)
    for path in lists.iterdir():
        if path.is_dir():
            renew(path, place / path.name)
        elif not (place / path.name).is_file() or not filecmp.cmp(
            path, place / path.name, shallow=False
        ):
            shutil.copy2(path, place / path.name)
