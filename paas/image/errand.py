"""The child that errands are done in: `python3 -I -S errand.py`, a line of JSON each way.

Told of trees by the daemon (image/errands), it measures, digests, takes stock of and
deletes them, one after the other, until its standard input ends. Standard library only.
"""

import errno
import json
import os
import resource
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path[:0] = [] if __package__ else [str(Path(__file__).resolve().parents[2])]

from paas.image.digest import digest, entries  # noqa: E402 - only after the line above
from paas.image.durable import remove_tree  # noqa: E402
from paas.image.inventory import inventory  # noqa: E402

MEMORY_BYTES = 1 << 30  # what strangers wrote is looked into: it costs no more than this

Value = str | int | bool | float | None


def measure(roots: Sequence[Path]) -> dict[str, Value]:
    """How much disk trees take together, and how much would be free without them.

    whole is False for one too deep or strange to be measured to its end. Raises OSError
    (EXDEV) where something is mounted.
    """
    total, own, count, newest, whole = 0, 0, 0, 0.0, True
    named: dict[int, list[int]] = {}  # files of several names: their size, names not yet met
    try:
        for status in everything(roots):
            size = status.st_blocks * 512
            count, newest = count + 1, max(newest, status.st_mtime, status.st_ctime)
            if stat.S_ISDIR(status.st_mode) or status.st_nlink == 1:
                total, own = total + size, own + size
            else:
                named.setdefault(status.st_ino, [size, status.st_nlink])[1] -= 1
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise
        whole = False
    total += sum(size for size, _ in named.values())
    own += sum(size for size, elsewhere in named.values() if not elsewhere)
    return {"bytes": total, "own_bytes": own, "entries": count, "newest": newest, "whole": whole}


def everything(roots: Sequence[Path]) -> Iterator[os.stat_result]:
    """The status of all there is in several trees; what is gone, or goes meanwhile, is left out."""
    for root in roots:
        with suppress(FileNotFoundError):
            yield from statuses(root)


def statuses(root: Path) -> Iterator[os.stat_result]:
    """The status of a directory and everything in it, or of a single file."""
    status = root.lstat()
    if stat.S_ISDIR(status.st_mode):
        yield from (entry.status for entry in entries(root))
    else:
        yield status


def remove(path: Path) -> None:
    """Delete a tree, or a single file; nothing when it is not there."""
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(path.lstat().st_mode):
            remove_tree(path)
        else:
            path.unlink()


def done(what: str, paths: Sequence[str], uid_base: int = 0) -> Value | dict[str, Any]:
    """Do one errand; what it found."""
    places = [Path(path) for path in paths]
    if what == "inventory":
        return inventory(places[0])
    if what == "measure":
        return measure(places)
    if what == "digest":
        return digest(places[0], uid_base)
    for place in places:
        remove(place)
    return None


def main() -> None:
    """Answer each line with a line."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for line in sys.stdin:
        try:
            answer: dict[str, object] = {"value": done(**json.loads(line))}
        except OSError as error:
            answer = {"error": str(error), "number": error.errno}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
