"""Layers of one content are stored once, whatever happens meanwhile."""

import os
import secrets

from paas.image.layers import Layers
from paas.platform import Platform
from tests.upkeep.conftest import Collect, freed, layer, release


def files(platform: Platform) -> list[str]:
    """Layers that have files of their own."""
    root = platform.layers.root
    return sorted(path.parent.name for path in root.glob("*/files") if path.is_dir())


def test_equal_layers_of_two_apps_are_stored_once_and_both_are_there(
    platform: Platform, collect: Collect
):
    apps = [platform.store.apps.create(name) for name in ("blog", "shop", "wiki")]
    made = [layer(platform, f"deps-{app.id}", "same", app) for app in apps]
    other = layer(platform, "deps-other", "else", apps[0])
    for app, one in zip(apps, made, strict=True):
        release(platform, app, one, other)
    dry = collect(dry=True)
    assert len(files(platform)) == 4
    wet = collect()
    for outcome in (dry, wet):
        assert freed(outcome, "copy") == ["deps-2", "deps-3"]
        assert outcome.bytes >= 2 * 4096
    assert files(platform) == ["deps-1", "deps-other"]
    for one in made:
        assert (platform.layers.path(one) / "file").read_text() == "same"
    assert collect().freed == ()


def test_whoever_is_destroyed_the_others_keep_the_files(platform: Platform, collect: Collect):
    apps = [platform.store.apps.create(name) for name in ("blog", "shop")]
    made = [layer(platform, f"deps-{app.id}", "same", app) for app in apps]
    for app, one in zip(apps, made, strict=True):
        release(platform, app, one)
    collect()
    platform.store.apps.remove(apps[0])
    collect(everything=True)
    assert (platform.layers.path(made[1]) / "file").read_text() == "same"
    platform.store.apps.remove(apps[1])
    collect()
    assert files(platform) == []
    assert platform.layers.list() == []


def test_a_mounted_layers_own_files_stay_until_it_is_unmounted(
    platform: Platform, collect: Collect
):
    apps = [platform.store.apps.create(name) for name in ("blog", "shop")]
    made = [layer(platform, f"deps-{app.id}", "same", app) for app in apps]
    for app, one in zip(apps, made, strict=True):
        release(platform, app, one)
    platform.layers.hold("container2", [made[1]])
    assert freed(collect(), "copy") == []
    assert platform.layers.hold("container3", [made[1]]) == (made[0],)
    assert files(platform) == ["deps-1", "deps-2"]
    platform.layers.let_go("container2")
    assert freed(collect(), "copy") == ["deps-2"]
    assert files(platform) == ["deps-1"]


def test_what_a_daemon_left_half_merged_is_finished_by_the_next(
    platform: Platform, collect: Collect
):
    """Killed after the record was replaced and before the files went."""
    app = platform.store.apps.create("blog")
    made = [layer(platform, f"deps-{n}", "same", app) for n in (1, 2)]
    release(platform, app, *made)
    for one in made:
        platform.layers.note_digest(one.id, "sha256:same")
    assert platform.layers.merge("deps-2", "deps-1")
    draft = platform.layers.root / "deps-1" / f".layer.json.{secrets.token_hex(4)}"
    draft.write_text("{")  # and another one before it was
    os.utime(draft, (1, 1))
    again = Layers(platform.layers.root, (), platform.settings.common_uids)
    assert again.path(made[1]) == again.path(made[0])
    assert again.copies() == ["deps-2"]
    collect()
    assert files(platform) == ["deps-1"]
    assert not draft.exists()


def test_layers_that_only_look_alike_stay_apart(platform: Platform, collect: Collect):
    app = platform.store.apps.create("blog")
    made = [layer(platform, f"deps-{text}", text, app) for text in ("aaaa", "bbbb")]
    release(platform, app, *made)
    assert platform.layers.alike("deps-aaaa")
    collect()
    assert files(platform) == ["deps-aaaa", "deps-bbbb"]


def test_a_layer_that_cannot_be_read_to_the_end_is_left_as_it_is(
    platform: Platform, collect: Collect
):
    from tests.image.test_errands import mounted, unmounted

    app = platform.store.apps.create("blog")
    made = [layer(platform, f"deps-{n}", "same", app) for n in (1, 2, 3)]
    release(platform, app, *made)
    point = platform.layers.path(made[0]) / "point"
    point.mkdir()
    mounted(platform.settings.run_dir, point)
    try:
        assert freed(collect(), "copy") == ["deps-3"]
    finally:
        unmounted(point)
    assert platform.layers.record("deps-1").digest == ""
    point.rmdir()
