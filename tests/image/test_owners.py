"""A layer moved into the common range of ids: owners change, and nothing else."""

import os
import stat
import struct
from pathlib import Path

import pytest

from paas.image import owners
from paas.image.layers import Layers
from paas.settings import UIDS_PER_SLOT, Settings

BEFORE, AFTER = 3_000_000, 5_000_000
CAPABILITIES = struct.pack("<5I", 0x03000001, 1 << 13, 0, 0, 0)  # cap_net_raw, "Namespaced"


@pytest.fixture
def tree(settings: Settings) -> Path:
    root = settings.state_dir / "tree"
    (root / "folder").mkdir(parents=True)
    (root / "folder" / "file").write_text("text")
    (root / "folder" / "link").symlink_to("/etc/passwd")
    os.link(root / "folder" / "file", root / "again")
    (root / "program").write_text("#!/bin/sh")
    for path in (root, *root.rglob("*")):
        os.chown(path, BEFORE + 1000, BEFORE + 50, follow_symlinks=False)
    return root


def test_every_owner_keeps_its_place_in_the_range(tree: Path):
    os.chown(tree / "program", BEFORE, BEFORE + UIDS_PER_SLOT - 1)
    before = Path("/etc/passwd").stat()
    owners.shift(tree, BEFORE, AFTER)
    found = {path.name: path.lstat() for path in (tree, *tree.rglob("*"))}
    assert (found.pop("program").st_uid, (tree / "program").stat().st_gid) == (
        AFTER,
        AFTER + UIDS_PER_SLOT - 1,
    )
    assert {(one.st_uid, one.st_gid) for one in found.values()} == {(AFTER + 1000, AFTER + 50)}
    assert Path("/etc/passwd").stat().st_uid == before.st_uid
    assert (tree / "again").samefile(tree / "folder" / "file")


def test_owners_outside_the_range_stay(tree: Path):
    os.chown(tree / "program", BEFORE - 1, BEFORE + UIDS_PER_SLOT)
    owners.shift(tree, BEFORE, AFTER)
    assert (tree / "program").stat().st_uid == BEFORE - 1
    assert (tree / "program").stat().st_gid == BEFORE + UIDS_PER_SLOT


def test_set_id_bits_and_file_capabilities_are_not_lost(tree: Path):
    program = tree / "program"
    program.chmod(0o6755)
    os.setxattr(program, owners.CAPABILITY, CAPABILITIES + struct.pack("<I", BEFORE))
    owners.shift(tree, BEFORE, AFTER)
    assert stat.S_IMODE(program.stat().st_mode) == 0o6755
    kept = os.getxattr(program, owners.CAPABILITY)
    assert kept == CAPABILITIES + struct.pack("<I", AFTER)


def test_a_common_layer_is_stored_in_the_common_range_and_says_so(settings: Settings):
    layers = Layers(settings.state_dir / "layers", (), settings.common_uids)
    upper = layers.new_upper(settings.uids(3))
    (upper / "file").touch()
    os.chown(upper / "file", settings.uids(3) + 1000, settings.uids(3) + 1000)
    layer = layers.adopt(upper, "deps", settings.uids(3), app=3, common=True)
    assert layer.uid_base == settings.common_uids
    assert layers.is_common(layer)
    assert (layers.path(layer) / "file").stat().st_uid == settings.common_uids + 1000
    apart = layers.adopt(layers.new_upper(settings.uids(3)), "source-1", settings.uids(3))
    assert not layers.is_common(apart)
