"""Filesystems of a fixed size for volumes: a sparse ext4 file each, loop-mounted, with a journal.

Touches: the files and mount points it is given, and loop devices, which free themselves
when unmounted. Project quotas would need no file, and most kernels and filesystems lack them.
"""

import fcntl
import os
from pathlib import Path

from paas.command import Runner
from paas.errors import CommandFailed, PaasError
from paas.image import loops, mounts
from paas.image.durable import sync_directory, temporary_name
from paas.image.scratch import copy_sparse

GROW_S = 600.0
CHECKED = (0, 1)  # e2fsck(8): no errors, or all of them put right
FICLONE = 0x40049409  # ioctl_ficlonerange(2)
ATTRIBUTES = mounts.NO_DEVICES | mounts.NO_SETUID


def make(file: Path, size_bytes: int, runner: Runner) -> None:
    """A new filesystem in a file; whole, or not there."""
    draft = temporary_name(file)
    try:
        with draft.open("xb") as new:
            os.fchmod(new.fileno(), 0o600)
            new.truncate(size_bytes)
        runner.run(mkfs(draft))
        put(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def mkfs(image: Path) -> tuple[str, ...]:
    """The command that formats an image, writing as little as it can."""
    return (
        *("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0"),
        *("-E", "lazy_itable_init=1,nodiscard,root_owner=0:0"),
        str(image),
    )


def put(draft: Path, file: Path) -> None:
    """Have a finished draft be the file, durably."""
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.rename(file)
    sync_directory(file.parent)


def mount(file: Path, point: Path) -> None:
    """Have a disk's files seen at a mount point."""
    options: list[tuple[str, str | int]] = [("discard", ""), ("noinit_itable", "")]
    with loops.only_device(file) as device:
        source: tuple[str, str | int] = ("source", str(device))
        mounts.mount_filesystem("ext4", point, [source, *options], ATTRIBUTES)


def is_mounted(point: Path) -> bool:
    """Whether a filesystem of its own is at a path."""
    return point.is_dir() and point.stat().st_dev != point.parent.stat().st_dev


def lengthen(file: Path, size_bytes: int) -> None:
    """Give a disk's file more room; the filesystem in it knows nothing of it yet."""
    with file.open("r+b") as disk:
        disk.truncate(max(size_bytes, os.fstat(disk.fileno()).st_size))
        os.fsync(disk.fileno())


def grow_mounted(point: Path, runner: Runner) -> bool:
    """Have a mounted filesystem take all of its file; False where root may not (ext4, resize).

    The kernel asks for CAP_SYS_RESOURCE, which root of a virtual machine of sorts may lack.
    """
    device = mounts.device_at(point)
    if device is None:
        raise PaasError(f"{point} is not mounted")
    loops.grown(device)
    argv = ("resize2fs", str(device))
    done = runner.run(argv, timeout_s=GROW_S, check=False)
    text = done.stderr.decode(errors="replace")
    if done.status != 0 and "Permission denied" not in text:
        raise CommandFailed(argv, done.status, text)
    return done.status == 0


def grow_unmounted(file: Path, runner: Runner) -> None:
    """The same for a filesystem that nobody has mounted."""
    check = ("e2fsck", "-f", "-p", str(file))
    done = runner.run(check, timeout_s=GROW_S, check=False)
    if done.status not in CHECKED:
        raise CommandFailed(check, done.status, done.text)
    runner.run(("resize2fs", str(file)), timeout_s=GROW_S)


def copy(file: Path, target: Path) -> None:
    """A copy of a disk; of one that is mounted, within mounts.frozen_filesystem.

    Shares its blocks where the filesystem can, and copies no holes.
    """
    draft = temporary_name(target)
    try:
        if not cloned(file, draft):
            draft.unlink(missing_ok=True)
            copy_sparse(file, draft)
        put(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def cloned(file: Path, target: Path) -> bool:
    """Have a new file share all blocks of another one; False where the filesystem cannot."""
    with file.open("rb") as source, target.open("xb") as new:
        os.fchmod(new.fileno(), 0o600)
        try:
            fcntl.ioctl(new.fileno(), FICLONE, source.fileno())
        except OSError:
            return False
    return True


def used_bytes(point: Path) -> int:
    """What is used of a mounted filesystem."""
    found = os.statvfs(point)
    return (found.f_blocks - found.f_bfree) * found.f_frsize
