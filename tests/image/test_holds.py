"""Layers that somebody needs stay: what is held, leased, touched or whose files others have."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from paas.errors import PaasError
from paas.image import record
from paas.image.layers import Layers
from paas.model.release import Layer
from paas.settings import Settings


@pytest.fixture
def layers(settings: Settings) -> Layers:
    return Layers(settings.state_dir / "layers")


def make(layers: Layers, name: str, text: str = "", base: int = 0) -> Layer:
    upper = layers.new_upper(base)
    (upper / "file").write_text(text or name)
    return layers.adopt(upper, name, base)


def collected(layers: Layers, *names: str) -> list[str]:
    """Those that a collection was allowed to remove."""
    with layers.collecting() as collection:
        graves = {name: collection.remove(name) for name in names}
    for grave in filter(None, graves.values()):
        layers.bury(grave)
    return [name for name, grave in graves.items() if grave]


def test_what_nobody_needs_is_removed(layers: Layers):
    make(layers, "old")
    assert collected(layers, "old", "never") == ["old"]
    assert layers.find("old") is None
    assert list((layers.root / "building").iterdir()) == []


def test_what_a_container_is_mounted_from_stays_until_it_is_taken_down(layers: Layers):
    layer = make(layers, "used")
    assert layers.hold("container1", [layer]) == (layer,)
    assert collected(layers, "used") == []
    layers.let_go("container1")
    assert collected(layers, "used") == ["used"]


def test_a_container_cannot_be_made_from_a_layer_that_is_gone(layers: Layers):
    with pytest.raises(PaasError, match="layer lost is not there any more"):
        layers.hold("container1", [Layer("lost", 0)])
    assert layers.holds.held() == set()


def test_what_a_lease_found_or_made_stays_until_it_ends(layers: Layers):
    make(layers, "found")
    with layers.leased() as lease:
        layers.find("found")
        make(layers, "made")
        with layers.leased() as inner:  # joins the one around it
            make(layers, "deep")
        assert inner is lease
        assert lease.made == ["made", "deep"]
        assert collected(layers, "found", "made", "deep") == []
    assert collected(layers, "found", "made", "deep") == ["found", "made", "deep"]


def test_another_threads_lease_keeps_nothing_of_this_one(layers: Layers):
    make(layers, "mine")
    leased, done = threading.Event(), threading.Event()

    def other() -> None:
        with layers.leased():
            leased.set()
            done.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    leased.wait(10)
    layers.find("mine")
    removed = collected(layers, "mine")
    done.set()
    thread.join()
    assert removed == ["mine"]


def test_what_was_needed_while_a_collection_looked_around_stays(layers: Layers):
    """A build that began and ended meanwhile has cut a release the collection does not know of."""
    make(layers, "quick")
    with layers.collecting() as collection:
        with layers.leased():
            layers.find("quick")
        assert collection.remove("quick") is None
    assert layers.find("quick")


def test_what_was_held_when_a_collection_began_stays_though_it_is_let_go(layers: Layers):
    layers.hold("container1", [make(layers, "used")])
    with layers.collecting() as collection:
        layers.let_go("container1")
        assert collection.remove("used") is None


def test_a_layer_made_twice_is_leased_by_who_came_second(layers: Layers):
    make(layers, "same", "first")
    with layers.leased():
        make(layers, "same", "second")
        assert collected(layers, "same") == []


# -- layers with the files of another one ---------------------------------------------


def merged(layers: Layers) -> tuple[Layer, Layer]:
    """Two layers of one content, the second with the first one's files."""
    first, second = make(layers, "first", "x", 1000), make(layers, "second", "x", 2000)
    for layer in (first, second):
        layers.note_digest(layer.id, "sha256:x")
    assert layers.merge("second", "first")
    return first, second


def test_a_merged_layer_is_found_and_mounted_from_the_other_ones_files(layers: Layers):
    first, second = merged(layers)
    assert layers.find("second") == second
    assert layers.stored(second) == first
    assert layers.path(second) == layers.path(first)
    assert layers.hold("container1", [second]) == (first,)
    again = Layers(layers.root)
    assert again.stored(second) == first


def test_only_layers_known_to_have_one_content_are_merged(layers: Layers):
    make(layers, "first", "x")
    make(layers, "second", "y")
    assert not layers.merge("second", "first")  # of neither it is known
    layers.note_digest("first", "sha256:x")
    assert not layers.merge("second", "first")
    layers.note_digest("second", "sha256:y")
    assert not layers.merge("second", "first")
    assert not layers.merge("first", "first")
    assert not layers.merge("second", "nothing")


def test_a_layer_whose_files_others_have_is_neither_merged_nor_removed(layers: Layers):
    merged(layers)
    make(layers, "third", "x")
    layers.note_digest("third", "sha256:x")
    assert not layers.merge("first", "third")
    assert layers.merge("third", "first")
    assert not layers.merge("third", "second")  # no chains
    assert collected(layers, "first", "third", "second") == ["third", "second"]
    assert collected(layers, "first") == ["first"]


def test_that_others_have_its_files_is_known_after_a_restart_too(layers: Layers):
    merged(layers)
    again = Layers(layers.root)
    assert collected(again, "first") == []


def test_a_merged_layers_own_files_go_once_nothing_is_mounted_from_them(layers: Layers):
    first, second = make(layers, "first", "x"), make(layers, "second", "x")
    for layer in (first, second):
        layers.note_digest(layer.id, "sha256:x")
    layers.hold("container1", [second])
    assert layers.remove_copy("second") is None  # it is no copy yet
    layers.merge("second", "first")
    assert layers.copies() == ["second"]
    assert layers.remove_copy("second") is None
    layers.let_go("container1")
    grave = layers.remove_copy("second")
    assert grave is not None
    layers.bury(grave)
    assert layers.copies() == []
    assert (layers.path(second) / "file").read_text() == "x"
    assert sorted(path.name for path in (layers.root / "second").iterdir()) == ["layer.json"]


def test_a_merged_layer_without_its_files_is_not_found_and_may_be_made_anew(layers: Layers):
    first, second = merged(layers)
    layers.remove(first.id)
    assert layers.find("second") is None
    with pytest.raises(PaasError, match="not there any more"):
        layers.stored(second)


def test_that_a_layer_was_used_is_remembered_and_not_by_who_only_looks(layers: Layers):
    import os

    make(layers, "deps")
    record = layers.root / "deps" / "layer.json"
    os.utime(record, (1, 1))
    layers.find("deps")
    layers.note_digest("deps", "sha256:x")
    assert layers.used_at("deps") == 1
    with layers.leased():
        layers.find("deps")
    assert layers.used_at("deps") > 1e9


def test_a_layer_may_go_while_others_look_at_it(layers: Layers, monkeypatch: pytest.MonkeyPatch):
    """Another app's deploy removes it between two steps of those who tidy."""

    def late(step: Callable[..., object], home: Path, *rest: object) -> object:
        layers.remove(home.name)
        return step(home, *rest)

    for name in ("draft", "drafts"):
        monkeypatch.setattr(record, name, partial(late, getattr(record, name)))
    make(layers, "first")
    layers.note_digest("first", "sha256:x")
    assert layers.record("first") is None
    make(layers, "second")
    assert layers.strays() == []
    assert layers.list() == []


def test_directories_that_are_no_layers_are_not_listed(layers: Layers, tmp_path: Path):
    make(layers, "real")
    (layers.root / "data").mkdir()
    (layers.root / "data" / "file").write_text("precious")
    (layers.root / "hurt").mkdir()
    (layers.root / "hurt" / "layer.json").write_text("{")
    assert [layer.id for layer in layers.list()] == ["real"]
