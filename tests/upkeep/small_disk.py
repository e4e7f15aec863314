"""An instance whose state lies on a small filesystem of its own, to be filled and emptied."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from paas.disk import room
from tests.conftest import own_settings
from tests.e2e.instance import Instance

MIB = 1 << 20


class SmallDisk:
    """The instance, and what takes the room on its disk."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.filler = instance.settings.state_dir / "filler"  # nothing that paas knows

    @property
    def free(self) -> int:
        return room(self.instance.settings.state_dir).free_bytes

    @property
    def inodes(self) -> int:
        return room(self.instance.settings.state_dir).free_inodes

    def fill(self, leave: int) -> None:
        """Have so many bytes left, the ballast's not counted; without having more in between."""
        ballast = self.instance.settings.state_dir / "ballast"
        if not ballast.is_dir():
            leave += self.instance.settings.disk_ballast_bytes
        # what a large file takes beside its bytes, so that none at all may be left
        more = self.free - max(leave, 64 << 10)
        with self.filler.open("ab") as file:
            size = max(os.fstat(file.fileno()).st_size + more, 1)
            os.ftruncate(file.fileno(), size)
            os.posix_fallocate(file.fileno(), 0, size)

    @contextmanager
    def few_inodes(self, leave: int) -> Iterator[None]:
        """Take inodes until so many are left, and whatever is freed, for as long as the block."""
        over = threading.Event()
        self.filler.mkdir()
        numbers = count()

        def take() -> None:
            for _ in range(self.inodes - leave):
                (self.filler / str(next(numbers))).touch()

        def go_on() -> None:
            while not over.wait(0.01):
                take()

        take()
        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.empty()

    def empty(self) -> None:
        if self.filler.is_dir():
            for path in self.filler.iterdir():
                path.unlink()
            self.filler.rmdir()
        self.filler.unlink(missing_ok=True)


@contextmanager
def small_disk(*options: str, mib: int = 600, **changes: object) -> Iterator[SmallDisk]:
    """mkfs.ext4 takes the options."""
    quick = {"boot_timeout_s": 20.0, "drain_s": 0.5, "stop_grace_s": 2.0, "check_wait_s": 0.2}
    settings = own_settings(**{**quick, "disk_watch_s": 0.2, "patrol_s": 1.0, **changes})
    settings.state_dir.mkdir(parents=True)
    settings.run_dir.mkdir(parents=True)
    image = settings.state_dir.parent / "disk.ext4"
    with image.open("wb") as file:
        file.truncate(mib * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", *options, str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(settings.state_dir)], check=True)
    (settings.state_dir / "lost+found").rmdir()
    instance = Instance(settings)
    instance.make_key()
    try:
        instance.start()
        key = instance.key.with_suffix(".pub").read_bytes()
        instance.ok("ssh-keys:add", "tester", stdin=key)
        yield SmallDisk(instance)
    finally:
        halt(instance)


def halt(instance: Instance) -> None:
    if instance.process is not None and instance.process.poll() is None:
        instance.stop()
    instance.halt()
    subprocess.run(["umount", str(instance.settings.state_dir)], check=True)
    instance.destroy()


def volume(disk: SmallDisk, size: int) -> Path:
    """Somebody's data."""
    path = disk.instance.settings.state_dir / "volumes" / "data" / "precious"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path
