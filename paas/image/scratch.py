"""The writable layer of running containers: a sparse ext4 file of a fixed size, loop-mounted.

Touches: its own directory, <root>/<container id>/{disk,fs}, and loop devices, which
free themselves when unmounted. No journal: it lives no longer than its container.
"""

import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from paas.command import Runner
from paas.image import loops, mounts
from paas.image.durable import temporary_name

MINIMUM_BYTES = 4 << 20
BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Writable:
    """Where a container's changes go: the overlay's upper and work directories."""

    upper: Path
    work: Path


class Scratch:
    """The scratch filesystems of one instance."""

    def __init__(self, root: Path, runner: Runner) -> None:
        self.root = root
        self.runner = runner
        self._lock = threading.Lock()

    def create(self, container_id: str, size_bytes: int, uid_base: int) -> Writable:
        """Make and mount one of size_bytes, its directories owned by uid_base. Undone on error."""
        template = self._template(size_bytes)
        home = self.root / container_id
        home.mkdir(parents=True)
        try:
            return fill(home, template, uid_base)
        except OSError:
            self.remove(container_id)
            raise

    def upper(self, container_id: str) -> Path:
        """Where a container's changes go."""
        return self.root / container_id / "fs" / "upper"

    def remove(self, container_id: str) -> None:
        """Unmount and delete one. Idempotent."""
        home = self.root / container_id
        while mounts.unmount(home / "fs"):
            pass
        shutil.rmtree(home, ignore_errors=True)

    def found(self) -> set[str]:
        """Container ids that have a scratch filesystem, mounted or not."""
        if not self.root.is_dir():
            return set()
        return {entry.name for entry in self.root.iterdir() if entry.is_dir()}

    def _template(self, size_bytes: int) -> Path:
        size = max(MINIMUM_BYTES, size_bytes // BLOCK * BLOCK)
        path = self.root / f"template-{size}.ext4"
        with self._lock:
            if not path.exists():
                self._make_template(path, size)
        return path

    def _make_template(self, path: Path, size: int) -> None:
        self.root.mkdir(parents=True, mode=0o700, exist_ok=True)
        self.root.chmod(0o700)
        draft = temporary_name(path)
        try:
            with draft.open("wb") as file:
                file.truncate(size)
            self.runner.run(mkfs(draft))
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)


def mkfs(image: Path) -> tuple[str, ...]:
    """The command that formats an image file, writing as little as it can."""
    return (
        *("mkfs.ext4", "-q", "-F", "-b", str(BLOCK), "-m", "0"),
        *("-O", "^has_journal,^resize_inode,metadata_csum,uninit_bg"),
        *("-E", "lazy_itable_init=1,nodiscard,root_owner=0:0"),
        str(image),
    )


def fill(home: Path, template: Path, uid_base: int) -> Writable:
    """A mounted copy of the template in home, with upper and work owned by uid_base."""
    disk, point = home / "disk", home / "fs"
    copy_sparse(template, disk)
    point.mkdir()
    with loops.loop_device(disk) as device:
        mounts.mount_filesystem("ext4", point, options(device), mounts.NO_DEVICES)
    writable = Writable(point / "upper", point / "work")
    for path in (writable.upper, writable.work):
        path.mkdir(mode=0o755)
        os.chown(path, uid_base, uid_base)
    return writable


def options(device: Path) -> list[tuple[str, str | int]]:
    """Mount options: give freed blocks back, don't touch what was never written."""
    return [("source", str(device)), ("discard", ""), ("noinit_itable", ""), ("nobarrier", "")]


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a file's data, not its holes."""
    with source.open("rb") as reading, target.open("xb") as writing:
        size = os.fstat(reading.fileno()).st_size
        os.ftruncate(writing.fileno(), size)
        position = 0
        while (position := next_data(reading.fileno(), position)) < size:
            end = os.lseek(reading.fileno(), position, os.SEEK_HOLE)
            while position < end:
                position += os.copy_file_range(
                    reading.fileno(), writing.fileno(), end - position, position, position
                )


def next_data(descriptor: int, position: int) -> int:
    """Where data next begins; the file's size when only holes follow."""
    try:
        return os.lseek(descriptor, position, os.SEEK_DATA)
    except OSError:
        return os.lseek(descriptor, 0, os.SEEK_END)
