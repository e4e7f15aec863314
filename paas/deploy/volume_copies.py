"""Snapshots and clones of volumes: whole copies of one moment, and going back to one.

Touches: <state_dir>/snapshots/<volume>/<snapshot>/{files,disk.ext4}. A copy bears its name
once it is complete. What writes to a volume is held up while it is copied.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from paas.console import Console, silent
from paas.deploy import volume_bench
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.image import mounts
from paas.image.durable import exchange, sync_directory, sync_filesystem
from paas.model.volume import Volume
from paas.platform import Platform
from paas.storage import disks
from paas.storage.volumes import GONE, listing, make_private

FILES, DISK = "files", "disk.ext4"
CAME = ".came-"  # files of a restored volume that still belong on a disk of their own


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One copy of a volume."""

    name: str
    path: Path
    made_at: datetime

    @property
    def is_disk(self) -> bool:
        return (self.path / DISK).exists()

    @property
    def bytes(self) -> int:
        """The size of the disk."""
        return (self.path / DISK).stat().st_size


def home(platform: Platform, volume: str) -> Path:
    return platform.settings.state_dir / "snapshots" / volume


def snapshots(platform: Platform, volume: str) -> list[Snapshot]:
    """A volume's snapshots, oldest first."""
    found = [
        Snapshot(path.name, path, datetime.fromtimestamp(path.stat().st_mtime, UTC))
        for path in listing(home(platform, volume))
    ]
    return sorted(found, key=lambda one: (one.made_at, one.name))


def get(platform: Platform, volume: str, name: str) -> Snapshot:
    """The snapshot of that name, or PaasError."""
    found = snapshots(platform, volume)
    for one in found:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in found) or "none"
    raise PaasError(f"{volume} has no snapshot {name}", f"there are: {names}")


def snapshot(platform: Platform, volume: Volume, name: str, console: Console) -> Snapshot:
    """Copy a volume as it is now; whole or not at all."""
    refuse_host_path(volume)
    platform.disk.admit(f"a snapshot of {volume.name}")
    goal = home(platform, volume.name) / name
    with platform.volumes.locked(volume.name), draft(platform, goal) as made:
        if volume.size_bytes:
            copy_disk(platform, volume, made / DISK)
        else:
            copy_files(platform, volume, made / FILES, console)
        sync_filesystem(made)
        failpoint("volume.copied")
        os.utime(made)
        made.rename(goal)
        sync_directory(goal.parent)
    return get(platform, volume.name, name)


@contextmanager
def draft(platform: Platform, goal: Path) -> Iterator[Path]:
    """A folder that becomes the goal; deleted when it did not, here or by the next daemon."""
    make_private(goal.parent.parent)
    make_private(goal.parent)
    if goal.exists():
        raise PaasError(f"there is a {goal.name} already", "choose another name")
    made = goal.with_name(f"{GONE}{secrets.token_hex(6)}")
    made.mkdir(mode=0o700)
    try:
        yield made
    finally:
        platform.volumes.discard(made)


def remove(platform: Platform, one: Snapshot) -> None:
    """Delete a snapshot."""
    platform.volumes.discard(one.path)


def remove_all(platform: Platform, volume: str) -> None:
    """Delete every snapshot of a volume."""
    for one in snapshots(platform, volume):
        remove(platform, one)
    folder = home(platform, volume)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def clone(
    platform: Platform, volume: Volume, name: str, snapshot_: str | None, console: Console
) -> Volume:
    """Another volume with the files that one has now, or had in a snapshot."""
    refuse_host_path(volume)
    if name in platform.volumes.unregistered({one.name for one in platform.store.volumes.list()}):
        raise PaasError(
            f"there are files of a volume {name} that was destroyed",
            f"storage:create {name} has them back; or choose another name",
        )
    platform.disk.admit(f"a clone of {volume.name}")
    origin = get(platform, volume.name, snapshot_) if snapshot_ else None
    if origin is not None:
        refuse_other_kind(volume, origin)
    new = replace(volume, name=name)
    goal = platform.volumes.disk(name) if volume.size_bytes else platform.volumes.root / name
    with platform.volumes.locked(volume.name), platform.volumes.locked(name):
        made = goal.with_name(f"{GONE}{secrets.token_hex(6)}")
        try:
            fill(platform, volume, origin, made, console)
            sync_filesystem(made.parent)
            failpoint("volume.cloned")
            with platform.store.together():
                platform.store.volumes.set(new)
                made.rename(goal)
                sync_directory(goal.parent)
        finally:
            platform.volumes.discard(made)
        platform.volumes.make(new)
    return new


def fill(
    platform: Platform, volume: Volume, origin: Snapshot | None, made: Path, console: Console
) -> None:
    """Copy the files, or the disk, of a volume or of a snapshot of it."""
    if volume.size_bytes and origin is None:
        copy_disk(platform, volume, made)
    elif volume.size_bytes and origin is not None:
        disks.copy(origin.path / DISK, made)
    elif origin is None:
        copy_files(platform, volume, made, console)
    else:
        copy(platform, volume, origin.path / FILES, made, console)


def restore(platform: Platform, volume: Volume, one: Snapshot, console: Console) -> None:
    """Have a volume be as it was in a snapshot, at one moment; nobody may have it mounted."""
    refuse_other_kind(volume, one)
    platform.disk.admit(f"the restore of {volume.name}")
    with platform.volumes.locked(volume.name):
        if one.is_disk:
            restore_disk(platform, volume, one)
        else:
            restore_files(platform, volume, one, console)


def refuse_other_kind(volume: Volume, one: Snapshot) -> None:
    if bool(volume.size_bytes) != one.is_disk:
        raise PaasError(
            f"the snapshot {one.name} is of a volume of another kind",
            "with a size and without are two kinds: storage:create a volume for it",
        )


def restore_disk(platform: Platform, volume: Volume, one: Snapshot) -> None:
    platform.volumes.detach(volume.name)
    disks.copy(one.path / DISK, platform.volumes.disk(volume.name))
    failpoint("volume.restored")
    platform.volumes.make(volume)
    if one.bytes < (volume.size_bytes or 0):
        platform.volumes.grow(volume, volume.size_bytes or 0, used=False)


def restore_files(platform: Platform, volume: Volume, one: Snapshot, console: Console) -> None:
    made = platform.volumes.root / f"{GONE}{secrets.token_hex(6)}"
    made.mkdir(mode=0o700)
    try:
        copy(platform, volume, one.path / FILES, made, console)
        sync_filesystem(made)
        failpoint("volume.restored")
        exchange(made, platform.volumes.root / volume.name)
    finally:
        platform.volumes.discard(made)


# -- copying ------------------------------------------------------------------------------


def refuse_host_path(volume: Volume) -> None:
    if volume.host_path:
        raise PaasError(
            f"{volume.name} is a folder of the server, {volume.host_path}",
            "volumes without a path can be copied; copy this one as you copy other folders",
        )


def copy_disk(platform: Platform, volume: Volume, target: Path) -> None:
    """Copy a volume's disk while its filesystem is held still."""
    platform.volumes.make(volume)
    with mounts.frozen_filesystem(platform.volumes.root / volume.name):
        failpoint("volume.still")
        disks.copy(platform.volumes.disk(volume.name), target)


def copy_files(platform: Platform, volume: Volume, target: Path, console: Console) -> None:
    """Copy a volume's files while every container that has it is held still."""
    platform.volumes.make(volume)
    root = platform.volumes.place(volume).root
    users = {one.id for one in platform.engine.mounting(root)}
    with platform.engine.still(users):
        failpoint("volume.still")
        copy(platform, volume, root, target, console)


def copy(platform: Platform, volume: Volume, source: Path, target: Path, console: Console) -> None:
    """Copy a folder into one that is made for it, or empty."""
    target.mkdir(mode=0o700, exist_ok=True)
    root = platform.volumes.stored(volume, 0)
    os.chown(target, root, root)  # root of the container that copies
    volume_bench.copy(platform, source, target, platform.volumes.ids(volume), console)


# -- volumes that came from a backup --------------------------------------------------------


def has_come_without_disk(platform: Platform, volume: Volume) -> bool:
    """Whether a volume with a size has its files in a plain folder, as a restore leaves them."""
    if volume.host_path or not volume.size_bytes:
        return False
    root = platform.volumes.root
    folder = root / volume.name
    if (root / f"{CAME}{volume.name}").exists():
        return True
    bare = folder.is_dir() and not platform.volumes.disk(volume.name).exists()
    return bare and any(folder.iterdir())


def move_into_disk(platform: Platform, volume: Volume) -> None:
    """Give such a volume its disk, with its files; begun before, it is finished."""
    came = platform.volumes.root / f"{CAME}{volume.name}"
    folder = platform.volumes.root / volume.name
    with platform.volumes.locked(volume.name), silent() as console:
        if not has_come_without_disk(platform, volume):
            return
        if not came.exists():
            folder.rename(came)
        failpoint("volume.coming")
        platform.volumes.make(volume)
        root = platform.volumes.stored(volume, 0)
        os.chown(folder, root, root)
        volume_bench.copy(platform, came, folder, platform.volumes.ids(volume), console)
        platform.volumes.discard(came)
