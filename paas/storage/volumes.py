"""Volumes: folders of the platform's own that outlive every container, some of a fixed size.

Touches: <state_dir>/volumes/<name>, <state_dir>/disks/<name>.ext4 mounted there, and
<state_dir>/snapshots. Files belong to the range of ids that nobody runs with, so that a
volume's files are the same to every app, and a program in one is nothing to the host.
"""

import logging
import os
import secrets
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from paas.command import Runner
from paas.errors import PaasError
from paas.image import loops, mounts
from paas.image.durable import sync_directory
from paas.image.errands import Errands
from paas.model.container import Ids
from paas.model.volume import Volume
from paas.settings import UIDS_PER_SLOT, Settings
from paas.storage import disks, host_paths
from paas.storage.host_paths import Place

log = logging.getLogger(__name__)

LET_GO_S = 10.0  # while copies of a mount go with containers that end or are being made
GONE = ".gone-"  # what is about to be deleted; nobody else looks at names with a dot


class Volumes:
    """The volumes of one instance. Safe to call from several threads."""

    def __init__(self, settings: Settings, runner: Runner) -> None:
        self.settings = settings
        self.runner = runner
        self.root = settings.state_dir / "volumes"
        self.disks = settings.state_dir / "disks"
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    # -- where things are --------------------------------------------------------------------

    def place(self, volume: Volume) -> Place:
        """The folder that is mounted; PaasError for a path of the host that is not allowed."""
        if volume.host_path:
            return host_paths.located(self.settings, volume.host_path)
        return Place(self.root / volume.name, "")

    def disk(self, name: str) -> Path:
        """The file of a volume that has a size."""
        return self.disks / f"{name}.ext4"

    def ids(self, volume: Volume) -> tuple[Ids, ...]:
        """Whose files are whose: on the disk, inside, how many.

        On the host's own folders ids are the same but root's: a program that root inside
        owns and that sets its id must not be one of the host's root.
        """
        common = self.settings.common_uids
        if volume.host_path:
            return ((1, 1, UIDS_PER_SLOT - 1), (common, 0, 1))
        return ((common, 0, UIDS_PER_SLOT),)

    def stored(self, volume: Volume, uid: int) -> int:
        """The id on the disk of one inside."""
        common = self.settings.common_uids
        return uid if volume.host_path and uid else common + uid

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Nobody else makes, changes or removes a volume of that name."""
        with self._locks[name]:
            yield

    # -- making ------------------------------------------------------------------------------

    def make(self, volume: Volume) -> bool:
        """Have a volume's folder, or its disk, be there; whether it is new. Idempotent."""
        with self.locked(volume.name):
            if volume.host_path:
                return host_paths.ensure(self.place(volume))
            make_private(self.root)
            point = self.root / volume.name
            new = not point.exists()
            point.mkdir(mode=0o755, exist_ok=True)
            if volume.size_bytes and not disks.is_mounted(point):
                new = self._mount(volume, point) or new
            if new:
                sync_directory(self.root)
            return new

    def _mount(self, volume: Volume, point: Path) -> bool:
        """Mount a volume's disk, made first if need be; whether it was."""
        disk = self.disk(volume.name)
        make_private(self.disks)
        if new := not disk.exists():
            if any(point.iterdir()):
                raise PaasError(
                    f"the volume {volume.name} has files, and no disk of its size",
                    "files of one without a size do not get one: storage:clone it instead",
                )
            disks.make(disk, volume.size_bytes or 0, self.runner)
        disks.mount(disk, point)
        if new:
            (point / "lost+found").rmdir()
        return new

    def give(self, volume: Volume, uid: int | None, mode: str = "", beneath: str = "") -> None:
        """Have a folder of a volume belong to an id inside, and have a mode."""
        place = self.place(volume)
        wanted = Place(place.root, "/".join(filter(None, (place.beneath, beneath))) or ".")
        with host_paths.opened(wanted) as folder:
            if uid is not None:
                stored = self.stored(volume, uid)
                os.fchown(folder, stored, stored)
            if mode:
                os.fchmod(folder, int(mode, 8))

    def grow(self, volume: Volume, size_bytes: int, *, used: bool) -> None:
        """Make a volume's disk larger, while it is used if the machine can do that."""
        with self.locked(volume.name):
            self.make(volume)
            point, disk = self.root / volume.name, self.disk(volume.name)
            disks.lengthen(disk, size_bytes)
            if disks.grow_mounted(point, self.runner):
                return
            if used:
                raise PaasError(
                    f"{volume.name} cannot grow on this machine while it is used",
                    "stop the apps that have it, and do it again (root lacks CAP_SYS_RESOURCE)",
                )
            mounts.unmount_idle(point)
            try:
                if not loops.let_go(disk, LET_GO_S):
                    raise PaasError(
                        f"{volume.name} is still mounted in some container, or for some process",
                        "do it again in a moment; nothing was changed",
                    )
                disks.grow_unmounted(disk, self.runner)
            finally:
                self.make(volume)

    # -- looking -----------------------------------------------------------------------------

    def used_bytes(self, volume: Volume) -> int | None:
        """How much disk its files take; None where that cannot be told."""
        if volume.size_bytes and disks.is_mounted(self.root / volume.name):
            return disks.used_bytes(self.root / volume.name)
        return self.bytes_of(self.place(volume).path)

    def bytes_of(self, path: Path) -> int | None:
        """How much disk a folder takes; None where something else is mounted in it."""
        with Errands(self.runner, hurry=True) as errands:
            try:
                return errands.measure(path).bytes
            except OSError:
                return None

    def unregistered(self, known: set[str]) -> list[str]:
        """Names of folders and disks here that are no volume's any more."""
        folders = [path.name for path in listing(self.root)]
        files = [path.stem for path in listing(self.disks)]
        return sorted({name for name in (*folders, *files) if name not in known})

    def stored_in(self) -> list[Path]:
        """Every folder and file that volumes and their snapshots take disk with."""
        folders = [path for path in listing(self.root) if not disks.is_mounted(path)]
        return [*folders, *listing(self.disks), *listing(self.settings.state_dir / "snapshots")]

    # -- going -------------------------------------------------------------------------------

    def detach(self, name: str) -> None:
        """Unmount a volume's disk, if it has one; its files stay."""
        with self.locked(name):
            while mounts.unmount(self.root / name):
                pass

    def remove(self, name: str) -> None:
        """Delete a volume with all its files. Idempotent."""
        with self.locked(name):
            self.detach(name)
            self.discard(self.root / name)
            self.discard(self.disk(name))

    def discard(self, path: Path) -> None:
        """Delete a folder or file that nobody is to see from now on, however long it takes."""
        gone = path.with_name(f"{GONE}{secrets.token_hex(6)}")
        try:
            path.rename(gone)
        except FileNotFoundError:
            return
        with Errands(self.runner, hurry=True) as errands:
            errands.remove(gone)

    def recover(self) -> None:
        """What a daemon that died left half done: filesystems held up, and deletions.

        Those go on in the background, and only those: names given later are others' drafts.
        """
        for point in listing(self.root):
            if disks.is_mounted(point):
                mounts.thaw_filesystem(point)
        folders = (self.root, self.disks, *listing(self.settings.state_dir / "snapshots"))
        gone = [path for folder in folders if folder.is_dir() for path in folder.glob(f"{GONE}*")]
        if gone:
            work = threading.Thread(target=self._delete, args=(gone,), name="volumes", daemon=True)
            work.start()

    def _delete(self, paths: Sequence[Path]) -> None:
        with Errands(self.runner) as errands:
            for path in paths:
                try:
                    errands.remove(path)
                except OSError as error:
                    log.warning("%s stays: %s", path, error)

    def unmount_all(self) -> None:
        """Unmount every disk; their files stay. Idempotent."""
        for point in listing(self.root):
            self.detach(point.name)


def make_private(folder: Path) -> None:
    """A folder that only root may look into: who may see what is in it is decided by mounts."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def listing(folder: Path) -> list[Path]:
    """What is in a folder, but hidden names."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if not path.name.startswith(".")]
