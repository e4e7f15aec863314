"""Layers: whole or absent, found by id."""

import os
import time

import pytest

from paas.errors import PaasError
from paas.image.layers import Layers
from paas.settings import Settings


@pytest.fixture
def layers(settings: Settings) -> Layers:
    return Layers(settings.state_dir / "layers")


def test_an_upper_becomes_the_layer_by_rename(layers: Layers, settings: Settings) -> None:
    upper = layers.new_upper(settings.uids(1))
    (upper / "file").write_text("x" * 5000)
    inode = (upper / "file").stat().st_ino
    layer = layers.adopt(upper, "deps-1", settings.uids(1))
    assert (layers.path(layer) / "file").stat().st_ino == inode
    assert layer.uid_base == settings.uids(1)
    assert layer.bytes >= 5000
    assert not upper.exists()
    assert sorted(os.listdir(layers.root / "deps-1")) == ["files", "layer.json"]


def test_an_upper_and_its_work_belong_to_the_range(layers: Layers, settings: Settings) -> None:
    upper = layers.new_upper(settings.uids(1))
    for path in (upper, upper.with_name("work")):
        assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (settings.uids(1), 0o755)


def test_a_second_upper_of_the_same_id_is_dropped_for_the_first(layers: Layers) -> None:
    first, second = layers.new_upper(0), layers.new_upper(0)
    (first / "which").write_text("first")
    (second / "which").write_text("second")
    layers.adopt(first, "same", 0)
    kept = layers.adopt(second, "same", 0)
    assert (layers.path(kept) / "which").read_text() == "first"
    assert not second.exists()


def test_layers_are_found_again_after_a_restart(layers: Layers, settings: Settings) -> None:
    made = layers.adopt(layers.new_upper(0), "kept", settings.uids(3))
    again = Layers(layers.root)
    assert again.find("kept") == made
    assert again.list() == [made]


def test_a_layer_in_the_making_is_not_listed(layers: Layers) -> None:
    layers.new_upper(0)
    assert layers.list() == []
    assert layers.find("nothing") is None


def test_removed_and_discarded_layers_are_gone_and_may_go_twice(layers: Layers) -> None:
    upper = layers.new_upper(0)
    layers.discard(upper)
    layers.discard(upper)
    layers.adopt(layers.new_upper(0), "gone", 0)
    layers.remove("gone")
    layers.remove("gone")
    assert layers.find("gone") is None
    assert not upper.exists()


def test_sweeping_deletes_what_an_interrupted_build_left(layers: Layers) -> None:
    upper = layers.new_upper(0)
    layers.adopt(layers.new_upper(0), "kept", 0)
    layers.sweep()
    assert upper.exists()  # nobody interrupted it
    after = Layers(layers.root)
    after.sweep()
    deadline = time.monotonic() + 60  # deleted in the background
    while upper.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert after.find("kept")


def test_shared_layers_are_found_but_neither_listed_nor_removed(
    layers: Layers, settings: Settings
) -> None:
    other = Layers(settings.state_dir / "other")
    stack = other.adopt(other.new_upper(0), "stack", 0)
    both = Layers(layers.root, shared=(other.root,))
    assert both.find("stack") == stack
    assert both.path(stack) == other.path(stack)
    assert both.list() == []
    both.remove("stack")
    assert other.find("stack")


@pytest.mark.parametrize("layer_id", ["../x", "", ".", "a/b", "building", "-x\n", "a" * 200])
def test_ids_that_are_paths_are_refused(layers: Layers, layer_id: str) -> None:
    with pytest.raises(PaasError, match="not a layer's id"):
        layers.find(layer_id)


def test_only_uppers_of_its_own_become_layers(layers: Layers, settings: Settings) -> None:
    with pytest.raises(PaasError, match="not made by new_upper"):
        layers.adopt(settings.state_dir, "x", 0)


def test_a_damaged_layer_says_so(layers: Layers) -> None:
    layers.adopt(layers.new_upper(0), "hurt", 0)
    (layers.root / "hurt/layer.json").write_text("{")
    with pytest.raises(PaasError, match="damaged"):
        Layers(layers.root).find("hurt")
