"""The disk a build may fill: its writable layer and caches, measured while it runs.

Touches: reads directories that untrusted code is changing; links are never followed.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

LOOK_EVERY_S = 0.5
# measuring shall never take more than a tenth of a core
REST_FACTOR = 9
# an entry costs an inode and a place in a directory even when it is empty
ENTRY_BYTES = 1024
DEEPEST = 200
# deleted files of these names are memory, which has its own limit
IN_MEMORY = ("/dev/", "/tmp/", "/memfd:", "/SYSV", "/anon_hugepage")  # noqa: S108 - the container's


class DiskWatch:
    """Calls `exceeded` once when directories hold more than limit_bytes. Ended by close."""

    def __init__(
        self,
        growing: Path,
        others: Sequence[Path],
        limit_bytes: int,
        exceeded: Callable[[], None],
        pids: Callable[[], Iterable[int]] = tuple,
    ) -> None:
        """Count `growing` whole; `others`, which were there before, by how much they grew.

        And what pids, those of the build, still hold open of files without a name.
        """
        self._paths = (growing, *others)
        self._others = others
        self._limit = limit_bytes
        self._exceeded = exceeded
        self._pids = pids
        self._done = threading.Event()
        self.tripped = False
        self._thread = threading.Thread(target=self._run, name="disk-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop measuring."""
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        limit = self._limit + sum(measure(path, 1 << 62) for path in self._others)
        pause_s = LOOK_EVERY_S
        while not self._done.wait(pause_s):
            began = time.monotonic()
            if self._total(limit) > limit:
                self.tripped = True
                self._exceeded()
                return
            pause_s = max(LOOK_EVERY_S, (time.monotonic() - began) * REST_FACTOR)

    def _total(self, limit: int) -> int:
        total = 0
        for path in self._paths:
            total += measure(path, limit - total)
            if total > limit:
                break
        return total + nameless(self._pids())


def nameless(pids: Iterable[int]) -> int:
    """Bytes of disk of deleted files that pids have open or mapped (proc(5), fd, map_files)."""
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        for folder in ("fd", "map_files"):
            for path in listing(f"/proc/{pid}/{folder}"):
                try:
                    name, status = os.readlink(path), os.stat(path)  # noqa: PTH115, PTH116 - hot
                except OSError:
                    continue
                if status.st_nlink == 0 and name.startswith("/") and not name.startswith(IN_MEMORY):
                    found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def listing(path: str) -> list[str]:
    """The paths of a directory's entries; none when its process has ended."""
    try:
        return [f"{path}/{name}" for name in os.listdir(path)]  # noqa: PTH208 - hot
    except OSError:
        return []


def measure(root: Path, enough_bytes: int) -> int:
    """Bytes of disk that a tree takes; stops early once it is more than enough.

    Nested deeper than any honest tree counts as too much: it could not be measured.
    """
    total = 0
    seen: set[int] = set()
    pending = [(os.fspath(root), 0)]
    while pending and total <= enough_bytes:
        path, depth = pending.pop()
        if depth > DEEPEST:
            return enough_bytes + 1
        found = entries(path)
        if found is None:
            return enough_bytes + 1
        for status, below in found:
            total += ENTRY_BYTES
            if status.st_nlink == 1 or below or status.st_ino not in seen:
                total += status.st_blocks * 512
            if below:
                pending.append((below, depth + 1))
            elif status.st_nlink > 1:
                seen.add(status.st_ino)
    return total


def entries(path: str) -> list[tuple[os.stat_result, str]] | None:
    """Status of each entry of a directory, and its path where it is a directory itself.

    None when it cannot be read: a path longer than the kernel takes (PATH_MAX).
    """
    found = []
    try:
        with os.scandir(path) as scan:
            for entry in scan:
                below = entry.path if entry.is_dir(follow_symlinks=False) else ""
                try:
                    found.append((entry.stat(follow_symlinks=False), below))
                except FileNotFoundError:
                    continue
    except (FileNotFoundError, NotADirectoryError):
        return found
    except OSError:
        return None
    return found
