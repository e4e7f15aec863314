"""Making: a backup of the platform or of one app, to a descriptor or a file."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from paas.backup.files import whole_file
from paas.backup.worker import Files, work
from paas.console import Console
from paas.deploy import arriving, ending, landing, prune
from paas.deploy.notes import noted
from paas.platform import Platform
from paas.turns import Turns

# one at a time: each reads and writes as fast as the disk goes
TURNS = Turns(1, "backup")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a backup shall be of: the platform, or one app; with images, with logs, sealed."""

    app: str | None = None
    images: bool = False
    logs: bool = False
    passphrase: str | None = field(default=None, repr=False)

    @property
    def words(self) -> str:
        return f"app {self.app}" if self.app else "the platform"


def to_descriptor(
    platform: Platform, wish: Wish, output: int, console: Console, actor: str
) -> dict[str, Any]:
    """Write a backup; a summary of it. The console shows how far it is."""
    with noted(platform, wish.app or "", actor, "backup", f"Backup of {wish.words}") as note:
        done = make(platform, wish, output, console)
        note.detail = f"Backup of {wish.words}: {size(done)}"
        return done


def to_file(
    platform: Platform, wish: Wish, path: Path, console: Console, actor: str
) -> dict[str, Any]:
    """Write a backup to a file that is whole or not there; a summary of it."""
    words = f"Backup of {wish.words} to {path}"
    with noted(platform, wish.app or "", actor, "backup", words) as note:
        with whole_file(path) as output:
            done = make(platform, wish, output, console)
        note.detail = f"{words}: {size(done)}"
        return {**done, "file": str(path)}


def make(platform: Platform, wish: Wish, output: int, console: Console) -> dict[str, Any]:
    with TURNS.hold("", console, "another backup"), layers_kept(platform):
        marks = {"marks": (ending.MARK, arriving.MARK), "landing": landing.MARK}
        order = {**asdict(wish), **marks}
        return work(platform, "write", order, console, Files(output=output))


@contextmanager
def layers_kept(platform: Platform) -> Iterator[None]:
    """Layers that are needed now stay until the block ends, whatever is removed meanwhile."""
    owner = f"backup {secrets.token_hex(4)}"
    records = [platform.layers.record(one) for one in prune.needed(platform)]
    whole = [one.layer for one in records if one is not None]
    try:
        platform.layers.hold(owner, [one for one in whole if platform.layers.find(one.id)])
        yield
    finally:
        platform.layers.let_go(owner)


def size(done: dict[str, Any]) -> str:
    """`3 apps, 12.3 MiB`."""
    apps = len(done["apps"])
    return f"{apps} app{'s' * (apps != 1)}, {done['bytes'] / (1 << 20):,.1f} MiB"
