"""A backup and a restore of a gigabyte of volumes and of many small apps."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measuring import Outcome, timed
from tests.conftest import own_settings
from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN

MEGABYTE = 1 << 20
VOLUME_BYTES = 1 << 30
REACH_MB_S = 100.0


def backup_and_restore(instance: Instance, apps: int) -> Outcome:
    """Megabytes of volumes a second, the apps' images among them, and all apps up at the end."""
    fill(instance, apps)
    archive = instance.root / "archive"
    writing = timed(lambda: instance.ok("backup", str(archive), "--with-images"))
    with emptied(instance), another() as second:
        reading = timed(lambda: second.ok("backup:verify", str(archive)))
        restoring = timed(lambda: second.ok("restore", str(archive)))
        assert len(second.json("apps:list")) == apps  # type: ignore[arg-type]
    size = VOLUME_BYTES / MEGABYTE
    return Outcome(
        f"backup and restore, 1 GiB of volumes and {apps} small apps with images",
        f">= {REACH_MB_S:.0f} MB/s each way, apps up included",
        f"{size / writing:.0f} MB/s written ({writing:.1f} s), {size / reading:.0f} verified, "
        f"{size / restoring:.0f} restored ({restoring:.1f} s, all apps up)",
        f"{archive_ratio(archive):.2f} of its size",
        min(size / writing, size / restoring) >= REACH_MB_S,
        {"backup": [writing], "verify": [reading], "restore": [restoring]},
    )


def archive_ratio(archive: Path) -> float:
    return archive.stat().st_size / VOLUME_BYTES


def fill(instance: Instance, apps: int) -> None:
    """Small apps, and files of every size: half of the bytes are text, half are noise."""
    instance.repository("app-1").deploy(PLAIN)
    for number in range(2, apps + 1):
        instance.ok("apps:clone", "app-1", f"app-{number}")
    words = [secrets.token_hex(4) for _ in range(2000)]
    root = instance.settings.state_dir / "volumes"
    left, number = VOLUME_BYTES, 0
    while left > 0:
        size = min(left, 4096 << number % 13)
        path = root / f"volume-{number % 8}" / f"file-{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size) if number % 2 else text(words, size))
        left, number = left - size, number + 1


def text(words: list[str], size: int) -> bytes:
    """Words in no order."""
    chosen = " ".join(words[byte * 7 % 2000] for byte in os.urandom(min(size, 1 << 16)))
    return (chosen.encode() * (size // len(chosen) + 1))[:size]


@contextmanager
def emptied(instance: Instance) -> Iterator[None]:
    """The first instance stopped, so that the second has the machine for itself."""
    instance.stop()
    yield


@contextmanager
def another() -> Iterator[Instance]:
    settings = own_settings()
    settings.state_dir.mkdir(parents=True)
    settings.run_dir.mkdir(parents=True)
    made = Instance(settings)
    try:
        made.start()
        yield made
    finally:
        made.destroy()
