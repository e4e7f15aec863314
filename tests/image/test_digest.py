"""Digests of layers: equal for equal content, different for whatever overlayfs would show."""

import ctypes
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from paas.image.digest import digest

BASE = 4_000_000


def fill(root: Path, base: int) -> Path:
    """One of everything a layer may hold."""
    (root / "app" / "deep" / "deeper").mkdir(parents=True)
    (root / "app" / "file").write_text("text")
    (root / "app" / "program").write_text("#!/bin/sh")
    (root / "app" / "program").chmod(0o755)
    (root / "app" / "link").symlink_to("file")
    (root / "app" / "dangling").symlink_to("/etc/shadow")
    os.link(root / "app" / "file", root / "app" / "deep" / "same")
    os.mknod(root / "app" / "gone", stat.S_IFCHR | 0o000, os.makedev(0, 0))  # a whiteout
    os.mkfifo(root / "app" / "pipe")
    os.setxattr(root / "app" / "deep", "trusted.overlay.opaque", b"y")
    for path in (root, *root.rglob("*")):
        os.chown(path, base + 1000, base + 1000, follow_symlinks=False)
    return root


@pytest.fixture
def one(tmp_path: Path) -> Path:
    return fill(tmp_path / "one", BASE)


def test_the_same_content_of_two_apps_has_one_digest(one: Path, tmp_path: Path):
    other = fill(tmp_path / "other", BASE + 65536)
    os.utime(other / "app" / "file", (1, 1))
    assert digest(one, BASE) == digest(other, BASE + 65536)
    assert digest(one, BASE).startswith("sha256:")


def rewrite(root: Path) -> None:
    (root / "app" / "file").write_text("Text")


def rename(root: Path) -> None:
    (root / "app" / "program").rename(root / "app" / "programs")


def remode(root: Path) -> None:
    (root / "app" / "program").chmod(0o4755)


def open_root(root: Path) -> None:
    root.chmod(0o700)


def chown(root: Path) -> None:
    os.chown(root / "app" / "program", BASE, BASE + 1000)


def outsider(root: Path) -> None:
    os.chown(root / "app" / "program", BASE - 1, BASE + 1000)


def retarget(root: Path) -> None:
    (root / "app" / "link").unlink()
    (root / "app" / "link").symlink_to("program")
    os.chown(root / "app" / "link", BASE + 1000, BASE + 1000, follow_symlinks=False)


def replace_by_copy(root: Path) -> None:
    """The same content under a second name that is no second name any more."""
    path = root / "app" / "deep" / "same"
    text = path.read_text()
    path.unlink()
    path.write_text(text)
    os.chown(path, BASE + 1000, BASE + 1000)


def redevice(root: Path) -> None:
    (root / "app" / "gone").unlink()
    os.mknod(root / "app" / "gone", stat.S_IFCHR | 0o000, os.makedev(1, 3))
    os.chown(root / "app" / "gone", BASE + 1000, BASE + 1000)


def unmark(root: Path) -> None:
    os.removexattr(root / "app" / "deep", "trusted.overlay.opaque")


def move_between_folders(root: Path) -> None:
    """A name that says the same when paths are only strung together."""
    (root / "app" / "deep" / "deeper").rename(root / "app" / "deepdeeper")


CHANGES = (
    rewrite, rename, remode, open_root, chown, outsider, retarget, replace_by_copy, redevice,
    unmark, move_between_folders,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_whatever_differs_makes_another_digest(one: Path, change: Callable[[Path], None]):
    before = digest(one, BASE)
    change(one)
    assert digest(one, BASE) != before


def test_capabilities_are_of_the_layers_own_range(tmp_path: Path):
    import struct

    found = []
    for name, base in (("a", BASE), ("b", BASE + 65536), ("c", BASE + 65536)):
        path = tmp_path / name
        path.mkdir()
        (path / "ping").write_text("x")
        for one in (path, path / "ping"):
            os.chown(one, base, base)
        root = base if name != "c" else base + 1
        value = struct.pack("<6I", 0x03000001, 1 << 13, 0, 0, 0, root)
        os.setxattr(path / "ping", "security.capability", value)
        found.append(digest(path, base))
    assert found[0] == found[1] != found[2]


# -- what hostile builds leave ---------------------------------------------------------


def test_a_file_of_holes_costs_what_is_written_of_it(tmp_path: Path):
    (tmp_path / "layer").mkdir()
    with (tmp_path / "layer" / "vast").open("wb") as file:
        file.truncate(1 << 42)
        nothing = digest(tmp_path / "layer", BASE)
        os.pwrite(file.fileno(), b"something", 1 << 41)
        something = digest(tmp_path / "layer", BASE)
        os.pwrite(file.fileno(), b"otherwise", 1 << 41)
        assert len({nothing, something, digest(tmp_path / "layer", BASE)}) == 3
        file.truncate(1 << 43)
        assert digest(tmp_path / "layer", BASE) != something


def test_a_link_out_of_the_layer_is_not_followed(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("one")
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "folder").symlink_to(secret)
    (layer / "file").symlink_to(secret / "key")
    before = digest(layer, 0)
    (secret / "key").write_text("two")
    (secret / "more").touch()
    assert digest(layer, 0) == before


def test_devices_and_pipes_are_not_opened(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    os.mknod(tmp_path / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))  # reading it, too
    assert digest(tmp_path, 0)


def test_a_tree_deeper_than_paths_may_be_long_is_digested(tmp_path: Path):
    def nested(root: Path, text: str) -> str:
        root.mkdir()
        here = os.open(root, os.O_RDONLY)
        for _ in range(600):
            os.mkdir("f" * 200, dir_fd=here)
            inner = os.open("f" * 200, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        descriptor = os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=here)
        os.write(descriptor, text.encode())
        os.close(descriptor)
        os.close(here)
        return digest(root, 0)

    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        assert nested(tmp_path / "a", "x") == nested(tmp_path / "b", "x")
        assert nested(tmp_path / "c", "x") != nested(tmp_path / "d", "y")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        from paas.image.durable import remove_tree

        for name in "abcd":
            remove_tree(tmp_path / name)


def test_names_that_are_no_text_and_names_like_numbers_are_told_apart(tmp_path: Path):
    for name in (b"\xff\xfe", b"a\nb", b"1", b"11"):
        (tmp_path / "x").mkdir(exist_ok=True)
        descriptor = os.open(os.fsencode(tmp_path / "x") + b"/" + name, os.O_CREAT | os.O_WRONLY)
        os.close(descriptor)
    assert digest(tmp_path / "x", 0)


def test_what_is_mounted_in_it_is_not_entered(tmp_path: Path):
    (tmp_path / "layer" / "volume").mkdir(parents=True)
    libc = ctypes.CDLL(None, use_errno=True)
    (tmp_path / "data").mkdir()
    source, target = os.fsencode(tmp_path / "data"), os.fsencode(tmp_path / "layer" / "volume")
    assert libc.mount(source, target, None, 4096, None) == 0
    try:
        with pytest.raises(OSError, match="cross-device"):
            digest(tmp_path / "layer", 0)
    finally:
        assert libc.umount2(target, 2) == 0
