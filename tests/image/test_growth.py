"""Layers grown out of others: complete, independent, and never a way out of the layer."""

import os
import stat
from pathlib import Path

import pytest

from paas.errors import PaasError
from paas.image import growth, rootfs
from paas.image.layers import Layers
from paas.settings import Settings


@pytest.fixture
def layers(settings: Settings) -> Layers:
    return Layers(settings.state_dir / "layers")


def layer(layers: Layers, files: dict[str, str]) -> Path:
    """The files of an adopted layer."""
    upper = layers.new_upper(0)
    for name, text in files.items():
        (upper / name).parent.mkdir(parents=True, exist_ok=True)
        (upper / name).write_text(text)
    return layers.path(layers.adopt(upper, f"base-{len(layers.list())}", 0))


class Mounted:
    """An upper over a base, changed through the real overlay and then completed."""

    def __init__(self, layers: Layers, base: Path, target: Path) -> None:
        self.upper = layers.new_upper(0)
        self.base = base
        self.root = target
        target.mkdir()
        below = [(layer(layers, {}), 0), (base, 0)]
        rootfs.mount_rootfs(below, 0, self.upper, self.upper.with_name("work"), target)

    def complete(self, *provided: str) -> Path:
        rootfs.unmount(self.root)
        growth.complete(self.upper, self.base, provided)
        return self.upper


def content(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


BEFORE = {
    "app/lib/kept/a.py": "a",
    "app/lib/changed/b.py": "b",
    "app/lib/gone/c.py": "c",
    "app/lib/replaced/d.py": "d",
    "app/lib/top.txt": "top",
    "app/source.py": "old source",
}


@pytest.fixture
def grown(layers: Layers, settings: Settings) -> tuple[Path, Path]:
    """A base, and the layer made of it by deleting, changing, replacing and adding."""
    base = layer(layers, BEFORE)
    mounted = Mounted(layers, base, settings.run_dir / "root")
    lib = mounted.root / "app/lib"
    (lib / "changed/b.py").write_text("new b")
    (lib / "gone/c.py").unlink()
    (lib / "gone").rmdir()
    (lib / "replaced/d.py").unlink()
    (lib / "replaced").rmdir()
    (lib / "replaced").mkdir()
    (lib / "replaced/e.py").write_text("e")
    (lib / "added").mkdir()
    (lib / "added/f.py").write_text("f")
    return base, mounted.complete("app/lib")


def test_a_grown_layer_has_all_that_was_seen_while_it_was_made(grown: tuple[Path, Path]) -> None:
    assert content(grown[1]) == {
        "app/lib/kept/a.py": "a",
        "app/lib/changed/b.py": "new b",
        "app/lib/replaced/e.py": "e",
        "app/lib/added/f.py": "f",
        "app/lib/top.txt": "top",
    }
    assert not any(stat.S_ISCHR(path.lstat().st_mode) for path in grown[1].rglob("*"))


def test_what_did_not_change_is_stored_once_and_the_base_stays_as_it_was(
    grown: tuple[Path, Path],
) -> None:
    base, made = grown
    assert (base / "app/lib/kept/a.py").samefile(made / "app/lib/kept/a.py")
    assert content(base) == BEFORE


def test_a_grown_layer_hides_what_other_layers_have_at_its_place(
    grown: tuple[Path, Path], layers: Layers, settings: Settings
) -> None:
    other = layer(layers, {"app/lib/gone/c.py": "of another layer", "app/other": "seen"})
    root = settings.run_dir / "stack"
    root.mkdir()
    upper = layers.new_upper(0)
    rootfs.mount_rootfs([(other, 0), (grown[1], 0)], 0, upper, upper.with_name("work"), root)
    try:
        assert not (root / "app/lib/gone").exists()
        assert (root / "app/other").read_text() == "seen"
    finally:
        rootfs.unmount(root)


def test_folders_keep_owner_mode_and_age(layers: Layers, settings: Settings) -> None:
    base = layer(layers, {"app/lib/deep/a.py": "a"})
    os.chown(base / "app/lib/deep", 7, 8)
    (base / "app/lib/deep").chmod(0o750)
    os.utime(base / "app/lib/deep", (1000, 1000))
    made = Mounted(layers, base, settings.run_dir / "root").complete("app/lib")
    found = (made / "app/lib/deep").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (7, 8, 0o750)
    assert found.st_mtime == 1000


def test_a_link_in_the_way_leads_nowhere(layers: Layers, settings: Settings) -> None:
    secrets = settings.state_dir / "secrets"
    secrets.mkdir()
    (secrets / "key").write_text("canary")
    base, upper = layers.new_upper(0), layers.new_upper(0)
    for root in (base, upper):
        (root / "app").mkdir()
    (base / "app/packages").symlink_to(secrets)
    growth.complete(upper, base, ["app/packages", "app/packages/inner"])
    assert (upper / "app/packages").is_symlink()  # the link itself, as it was
    (upper / "app/packages").unlink()
    (base / "app/packages").unlink()
    (base / "app/packages/inner").mkdir(parents=True)
    (base / "app/packages/inner/file").write_text("from the base")
    (upper / "app/packages").symlink_to(secrets)
    growth.complete(upper, base, ["app/packages/inner"])
    assert os.listdir(secrets) == ["key"]


@pytest.mark.parametrize("path", ["/etc", "app/../../etc", "", "a\0b"])
def test_a_path_that_leaves_the_layer_is_refused(layers: Layers, path: str) -> None:
    with pytest.raises(PaasError):
        growth.complete(layers.new_upper(0), None, [path])
