"""Root filesystems: owners shifted, writes in the upper, layers untouched."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from paas.command import Runner
from paas.image import mounts, rootfs
from paas.image.layers import Layers
from paas.image.scratch import Scratch
from paas.model.container import SAME_IDS, Mount
from paas.settings import Settings
from tests.faults.traces import backing_files


@pytest.fixture
def layers(settings: Settings) -> Layers:
    return Layers(settings.state_dir / "layers")


@pytest.fixture
def target(settings: Settings) -> Iterator[Path]:
    path = settings.run_dir / "rootfs"
    path.mkdir()
    yield path
    rootfs.unmount(path)


def make_layer(layers: Layers, name: str, files: dict[str, tuple[int, str]], base: int = 0) -> Path:
    upper = layers.new_upper(base)
    for path, (uid, text) in files.items():
        (upper / path).parent.mkdir(parents=True, exist_ok=True)
        (upper / path).write_text(text)
        os.chown(upper / path, base + uid, base + uid)
    return layers.path(layers.adopt(upper, name, base))


def writable(layers: Layers, settings: Settings) -> tuple[Path, Path]:
    upper = layers.new_upper(settings.uids(1))
    return upper, upper.with_name("work")


@pytest.fixture(params=["by descriptor", "by path"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of stacking: the one of new kernels and the one of older kernels."""
    monkeypatch.setattr(rootfs, "_by_path_only", request.param == "by path")


def test_files_of_shared_layers_belong_to_the_container(
    way: None, layers: Layers, settings: Settings, target: Path
) -> None:
    base = settings.uids(1)
    shared = make_layer(layers, "shared", {"etc/passwd": (0, "shared"), "app/code": (1000, "x")})
    rootfs.mount_rootfs([(shared, 0)], base, *writable(layers, settings), target)
    assert (target / "etc/passwd").stat().st_uid == base
    assert (target / "app/code").stat().st_gid == base + 1000


def test_a_layer_of_the_apps_own_range_is_shown_as_it_is(
    way: None, layers: Layers, settings: Settings, target: Path
) -> None:
    base = settings.uids(1)
    own = make_layer(layers, "own", {"app/code": (1000, "x")}, base)
    rootfs.mount_rootfs([(own, base)], base, *writable(layers, settings), target)
    assert (target / "app/code").stat().st_uid == base + 1000


def test_a_layer_of_another_range_is_shifted_to_the_apps(
    way: None, layers: Layers, settings: Settings, target: Path
) -> None:
    other = make_layer(layers, "other", {"app/code": (1000, "x")}, settings.uids(2))
    rootfs.mount_rootfs(
        [(other, settings.uids(2))], settings.uids(1), *writable(layers, settings), target
    )
    assert (target / "app/code").stat().st_uid == settings.uids(1) + 1000


def test_the_uppermost_layer_wins(
    way: None, layers: Layers, settings: Settings, target: Path
) -> None:
    bottom = make_layer(layers, "bottom", {"a": (0, "bottom"), "b": (0, "bottom")})
    top = make_layer(layers, "top", {"b": (0, "top")})
    upper, work = writable(layers, settings)
    rootfs.mount_rootfs([(bottom, 0), (top, 0)], settings.uids(1), upper, work, target)
    assert (target / "a").read_text() + (target / "b").read_text() == "bottomtop"


def test_writes_land_in_the_upper_and_leave_the_layer_as_it_was(
    way: None, layers: Layers, settings: Settings, target: Path
) -> None:
    layer = make_layer(layers, "layer", {"etc/motd": (0, "old"), "etc/gone": (0, "x")})
    upper, work = writable(layers, settings)
    rootfs.mount_rootfs([(layer, 0)], settings.uids(1), upper, work, target)
    (target / "etc/motd").write_text("new")
    (target / "etc/gone").unlink()
    assert (upper / "etc/motd").read_text() == "new"
    assert (layer / "etc/motd").read_text() == "old"
    assert (layer / "etc/gone").exists()
    assert (layer / "etc/motd").stat().st_uid == 0


def test_what_a_build_wrote_becomes_a_layer_others_can_stand_on(
    way: None, layers: Layers, settings: Settings, target: Path
) -> None:
    base = settings.uids(1)
    stack = make_layer(layers, "stack", {"etc/motd": (0, "stack"), "etc/gone": (0, "x")})
    upper, work = writable(layers, settings)
    rootfs.mount_rootfs([(stack, 0)], base, upper, work, target)
    (target / "built").write_text("yes")
    (target / "etc/gone").unlink()
    shutil.move(target / "etc", target / "moved")
    rootfs.unmount(target)
    built = layers.adopt(upper, "built", base)
    again = writable(layers, settings)
    rootfs.mount_rootfs([(stack, 0), (layers.path(built), base)], base, *again, target)
    assert (target / "built").read_text() == "yes"
    assert sorted(os.listdir(target / "moved")) == ["motd"]
    assert not (target / "etc").exists()


def test_a_hundred_layers_stack_up(layers: Layers, settings: Settings, target: Path) -> None:
    stack = [(make_layer(layers, f"l{n}", {f"f{n}": (0, "")}), 0) for n in range(100)]
    rootfs.mount_rootfs(stack, settings.uids(1), *writable(layers, settings), target)
    assert len(os.listdir(target)) == 100


def test_a_failed_mount_leaves_nothing_mounted(
    layers: Layers, settings: Settings, target: Path
) -> None:
    layer = make_layer(layers, "layer", {"a": (0, "")})
    with pytest.raises(OSError, match="missing"):
        rootfs.mount_rootfs(
            [(layer, 0)], settings.uids(1), layer / "missing", layer / "missing", target
        )
    assert str(settings.run_dir) not in Path("/proc/self/mounts").read_text()


def test_unmounting_twice_is_fine(target: Path) -> None:
    rootfs.unmount(target)
    rootfs.unmount(target)


def test_an_idmapped_volume_belongs_to_the_container_on_both_sides(
    settings: Settings, target: Path
) -> None:
    cache = settings.state_dir / "cache"
    cache.mkdir()
    os.chown(cache, 1000, 1000)
    base = settings.uids(1)
    rootfs.bind_shifted(Mount(cache, "/c", read_only=False, ids=SAME_IDS), base, target)
    assert target.stat().st_uid == base + 1000
    target.parent.parent.chmod(0o755)
    touch = Runner().spawn(("touch", str(target / "kept")), user=base + 1000)
    assert touch.wait() == 0
    assert (cache / "kept").stat().st_uid == 1000


def test_a_read_only_volume_refuses_writes(settings: Settings, target: Path) -> None:
    (settings.state_dir / "pack").mkdir()
    rootfs.bind(settings.state_dir / "pack", target)
    with pytest.raises(OSError, match="Read-only"):
        (target / "x").touch()


def test_setuid_and_devices_mean_nothing_inside(
    layers: Layers, settings: Settings, target: Path
) -> None:
    layer = make_layer(layers, "layer", {"a": (0, "")})
    rootfs.mount_rootfs([(layer, 0)], settings.uids(1), *writable(layers, settings), target)
    lines = Path("/proc/self/mounts").read_text().splitlines()
    flags = next(line for line in lines if str(target) in line)
    assert "nosuid,nodev" in flags


def test_a_scratch_filesystem_is_the_containers_and_has_a_size(settings: Settings) -> None:
    scratch = Scratch(settings.state_dir / "scratch", Runner())
    try:
        made = scratch.create("aaaaaaaaaa", 16 << 20, settings.uids(1))
        assert made.upper.stat().st_uid == made.work.stat().st_uid == settings.uids(1)
        with (
            (made.upper / "big").open("wb") as file,
            pytest.raises(OSError, match="No space left"),
        ):
            for _ in range(64):
                file.write(b"x" * (1 << 20))
    finally:
        scratch.remove("aaaaaaaaaa")


def test_scratch_filesystems_are_found_by_container_and_leave_nothing(settings: Settings) -> None:
    root = settings.state_dir / "scratch"
    Scratch(root, Runner()).create("aaaaaaaaaa", 16 << 20, settings.uids(1))
    restarted = Scratch(root, Runner())
    assert restarted.found() == {"aaaaaaaaaa"}
    restarted.remove("aaaaaaaaaa")
    restarted.remove("aaaaaaaaaa")
    assert restarted.found() == set()
    assert str(root) not in Path("/proc/self/mounts").read_text()
    assert not any(str(root) in file for file in backing_files())


def test_an_empty_scratch_filesystem_takes_almost_no_disk(settings: Settings) -> None:
    scratch = Scratch(settings.state_dir / "scratch", Runner())
    try:
        scratch.create("aaaaaaaaaa", 1 << 30, settings.uids(1))
        disk = (scratch.root / "aaaaaaaaaa/disk").stat()
        assert disk.st_size == 1 << 30
        assert disk.st_blocks * 512 < 1 << 20
    finally:
        scratch.remove("aaaaaaaaaa")


def test_a_container_writes_no_more_than_its_scratch_holds(
    layers: Layers, settings: Settings, target: Path
) -> None:
    layer = make_layer(layers, "layer", {"a": (0, "")})
    scratch = Scratch(settings.state_dir / "scratch", Runner())
    try:
        made = scratch.create("aaaaaaaaaa", 8 << 20, settings.uids(1))
        rootfs.mount_rootfs([(layer, 0)], settings.uids(1), made.upper, made.work, target)
        with pytest.raises(OSError, match="No space left"):
            (target / "big").write_bytes(b"x" * (16 << 20))
    finally:
        rootfs.unmount(target)
        scratch.remove("aaaaaaaaaa")


def test_pinned_namespaces_go_when_unpinned(settings: Settings) -> None:
    path = settings.run_dir / "pin"
    mounts.pin(Path("/proc/self/ns/net"), path)
    assert path.stat().st_ino == Path("/proc/self/ns/net").stat().st_ino
    mounts.unpin(path)
    mounts.unpin(path)
    assert not path.exists()
