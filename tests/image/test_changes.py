"""What a container has written, as paths added, changed and deleted; through a real overlay."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paas.errors import PaasError
from paas.image import changes, rootfs
from paas.image.layers import Layers
from paas.settings import Settings

Write = Callable[[Path], object]


@pytest.fixture
def layers(settings: Settings) -> Layers:
    return Layers(settings.state_dir / "layers")


class Stacked:
    """Layers, bottom first, under a writable one that is mounted at root."""

    def __init__(self, layers: Layers, target: Path) -> None:
        self.layers = layers
        self.root = target
        self.below: list[Path] = []
        self.upper = layers.new_upper(0)

    def add(self, write: Write) -> None:
        """One more layer: what writing over those there are leaves behind."""
        upper = self.layers.new_upper(0)
        self._written(upper, write)
        name = f"layer-{len(self.below)}"
        self.below.append(self.layers.path(self.layers.adopt(upper, name, 0)))

    def change(self, write: Write) -> list[str]:
        """The changes when something is written over all layers, as KIND PATH."""
        self._written(self.upper, write)
        return [f"{one.kind} {one.path}" for one in changes.changes(self.upper, self.below)]

    def _written(self, upper: Path, write: Write) -> None:
        below = [(path, 0) for path in self.below]
        while len(below) < 2:  # an overlay needs something below
            empty = self.root.with_name(f"empty-{len(below)}")
            empty.mkdir(exist_ok=True)
            below.insert(0, (empty, 0))
        self.root.mkdir(exist_ok=True)
        rootfs.mount_rootfs(below, 0, upper, upper.with_name("work"), self.root)
        try:
            write(self.root)
        finally:
            rootfs.unmount(self.root)


@pytest.fixture
def stacked(layers: Layers, tmp_path: Path) -> Iterator[Stacked]:
    made = Stacked(layers, tmp_path / "root")
    made.add(base)
    yield made
    layers.discard(made.upper)


def base(root: Path) -> None:
    for name in ("etc/motd", "etc/keep", "srv/old/a", "srv/old/b", "srv/gone/c"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "link").symlink_to("/etc")


def test_what_is_added_changed_and_deleted_is_told(stacked: Stacked) -> None:
    def write(root: Path) -> None:
        (root / "etc/motd").write_text("changed")
        (root / "etc/keep").unlink()
        (root / "new/deep").mkdir(parents=True)
        (root / "new/deep/file").write_text("four")
        shutil.rmtree(root / "srv/gone")

    assert stacked.change(write) == [
        "C /etc",
        "D /etc/keep",
        "C /etc/motd",
        "A /new",
        "A /new/deep",
        "A /new/deep/file",
        "C /srv",
        "D /srv/gone",
    ]
    sizes = {one.path: one.bytes for one in changes.changes(stacked.upper, stacked.below)}
    assert (sizes["/new/deep/file"], sizes["/etc/motd"], sizes["/etc"]) == (4, 7, 0)


def test_nothing_written_is_no_change(stacked: Stacked) -> None:
    assert stacked.change(lambda root: (root / "etc/motd").read_text()) == []


def test_a_directory_made_anew_hides_what_was_in_it(stacked: Stacked) -> None:
    def write(root: Path) -> None:
        shutil.rmtree(root / "srv/old")
        (root / "srv/old").mkdir()
        (root / "srv/old/a").write_text("again")

    assert stacked.change(write) == ["C /srv", "C /srv/old", "C /srv/old/a", "D /srv/old/b"]


def test_what_an_upper_layer_removed_is_added_when_it_comes_back(stacked: Stacked) -> None:
    stacked.add(lambda root: ((root / "etc/keep").unlink(), shutil.rmtree(root / "srv")))
    stacked.add(lambda root: (root / "srv").mkdir())

    def write(root: Path) -> None:
        (root / "etc/keep").write_text("back")
        (root / "srv/old").mkdir()

    assert stacked.change(write) == ["C /etc", "A /etc/keep", "C /srv", "A /srv/old"]


def test_a_link_that_became_a_directory_is_not_followed_to_the_host(stacked: Stacked) -> None:
    def write(root: Path) -> None:
        (root / "link").unlink()
        (root / "link").mkdir()
        (root / "link/passwd").write_text("mine")

    assert stacked.change(write) == ["C /link", "A /link/passwd"]


def test_a_link_of_the_container_is_a_path_and_not_a_way(stacked: Stacked) -> None:
    assert stacked.change(lambda root: (root / "out").symlink_to("/etc")) == ["A /out"]


def test_more_changes_than_anybody_reads_are_refused(
    stacked: Stacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "AT_MOST", 3)

    def write(root: Path) -> None:
        for number in range(4):
            os.mknod(root / str(number))

    with pytest.raises(PaasError, match="more than 3 paths"):
        stacked.change(write)
