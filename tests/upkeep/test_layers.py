"""Which layers go: not what is needed, held or used of late; and what nobody can use, at once."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from paas.console import silent
from paas.image.record import Record
from paas.image.stack import Stack
from paas.model.release import Layer
from paas.model.stack import Recipe, Snapshot
from paas.platform import Platform
from paas.upkeep import collector
from paas.upkeep.layers import Facts, doomed
from paas.upkeep.merge import pairs
from paas.upkeep.round import Wish
from tests.upkeep.conftest import DAY_S, Collect, freed, layer, present, release


def test_layers_of_releases_and_named_images_stay_and_others_go_by_their_age(
    platform: Platform, collect: Collect
):
    app = platform.store.apps.create("blog")
    used, named = layer(platform, "used", unused_s=90 * DAY_S), layer(platform, "named", "", app)
    release(platform, app, used)
    platform.store.images.set(None, "base", release(platform, app, named).image, "alice")
    layer(platform, "fresh")
    layer(platform, "stale", unused_s=8 * DAY_S)
    outcome = collect()
    assert freed(outcome, "layer") == ["stale"]
    assert present(platform) == ["fresh", "named", "used"]
    assert outcome.bytes >= 4096
    assert freed(collect(everything=True), "layer") == ["fresh"]
    assert present(platform) == ["named", "used"]


def test_what_only_one_release_or_an_app_that_is_gone_could_use_goes_at_once(
    platform: Platform, collect: Collect
):
    app, other = platform.store.apps.create("blog"), platform.store.apps.create("shop")
    release(platform, app, layer(platform, "source-kept", app=app))
    release(platform, app, layer(platform, "source-failed", app=app), fails=True)
    layer(platform, "deps-other", app=other)
    layer(platform, "runtime")
    platform.store.apps.remove(other)
    collect()
    assert present(platform) == ["runtime", "source-kept"]


def test_old_releases_go_first_so_that_their_layers_go_with_them(
    platform: Platform, collect: Collect
):
    app = platform.store.apps.create("blog")
    for number in range(4):
        release(platform, app, layer(platform, f"source-{number}", app=app))
    platform.store.properties.set(app, "gc", "releases-kept", "2")
    dry = collect(dry=True)
    assert present(platform) == ["source-0", "source-1", "source-2", "source-3"]
    assert [one.version for one in platform.store.releases.list(app)] == [4, 3, 2, 1]
    wet = collect()
    for outcome in (dry, wet):
        assert freed(outcome, "release") == ["v1", "v2"]
        assert freed(outcome, "layer") == ["source-0", "source-1"]
    assert dry.bytes == wet.bytes
    assert [one.version for one in platform.store.releases.list(app)] == [4, 3]


def test_no_release_is_forgotten_while_somebody_is_at_its_app(platform: Platform, collect: Collect):
    """Who goes back to the oldest one holds the app's lock from choosing it to serving it."""
    app = platform.store.apps.create("blog")
    for number in range(3):
        release(platform, app, layer(platform, f"source-{number}", app=app))
    platform.store.properties.set(app, "gc", "releases-kept", "1")
    with platform.locks.attempt("blog"):
        outcome = collect(everything=True)
        assert outcome.busy == ("blog",)
        assert len(platform.store.releases.list(app)) == 3
        assert len(present(platform)) == 3
    collect()
    assert present(platform) == ["source-2"]


def test_what_is_mounted_or_being_built_stays(platform: Platform, collect: Collect):
    for name in ("mounted", "source-built", "source-dead"):
        layer(platform, name, unused_s=90 * DAY_S)
    platform.layers.hold("container1", [Layer("mounted", 0)])
    with platform.layers.leased():
        platform.layers.find("source-built")
        assert freed(collect(everything=True), "layer") == ["source-dead"]
    platform.layers.let_go("container1")
    assert freed(collect(everything=True), "layer") == ["mounted", "source-built"]


def test_one_app_alone_may_be_cleaned(platform: Platform, collect: Collect):
    app, other = platform.store.apps.create("blog"), platform.store.apps.create("shop")
    layer(platform, "deps-mine", app=app)
    layer(platform, "deps-other", app=other)
    layer(platform, "runtime")
    collect(everything=True, only=app)
    assert present(platform) == ["deps-other", "runtime"]


def test_when_space_is_short_what_was_unused_for_longest_goes_until_there_is_enough(
    platform: Platform, collect: Collect
):
    for name, days in (("monday", 3), ("tuesday", 2), ("wednesday", 1)):
        layer(platform, name, unused_s=days * DAY_S)

    def enough() -> bool:
        return len(present(platform)) <= 1

    assert freed(collect(enough=enough), "layer") == ["monday", "tuesday"]
    assert present(platform) == ["wednesday"]


def test_stacks_of_earlier_versions_go_unless_a_release_has_them(platform: Platform):
    platform = replace(platform, settings=replace(platform.settings, stack_dir=""))
    platform = replace(platform, stack=Stack(platform.settings, platform.runner))
    stack = platform.stack
    app = platform.store.apps.create("blog")
    names = ("stack-trixie-run-000000000001", "stack-trixie-run-000000000002")
    for age, name in enumerate((*names, stack._id("run"))):
        upper = stack.layers.new_upper(0)
        made = stack.layers.adopt(upper, name, 0)
        os.utime(stack.root / name / "layer.json", (1000 + age, 1000 + age))
        if name == names[1]:
            release(platform, app, made)
    newer = stack.layers.adopt(stack.layers.new_upper(0), "stack-trixie-run-000000000003", 0)
    (stack.root / "mine").mkdir()  # nothing of ours
    with silent() as console:
        outcome = collector.collect(platform, Wish(), console)
    assert freed(outcome, "layer") == [names[0]]
    assert [one.id for one in stack.layers.list()] == sorted([names[1], stack._id("run"), newer.id])


def snapshot(platform: Platform, identity: str) -> Snapshot:
    """A making of the stack `mine`, current from now on."""
    run = layer(platform, f"stack-mine-run-{identity}", unused_s=100 * DAY_S)
    made = Snapshot(
        identity, "mine", Recipe("trixie"), "d", (run,), (run,), datetime.now(UTC), current=True
    )
    platform.store.stacks.add(made)
    return made


def test_a_snapshot_of_a_stack_stays_while_builds_take_it_or_a_release_stands_on_it(
    platform: Platform, collect: Collect
):
    app = platform.store.apps.create("blog")
    used, unused, newest = (snapshot(platform, name) for name in ("used", "unused", "newest"))
    release(platform, app, *used.run)
    collect(everything=True)
    collect(everything=True)
    assert set(present(platform)) == {layer.id for one in (used, newest) for layer in one.run}
    assert {one.id for one in platform.store.stacks.list()} == {"used", "newest"}
    assert unused.run[0].id not in present(platform)


def test_directories_that_look_like_layers_but_are_none_survive_everything(
    platform: Platform, collect: Collect, tmp_path: Path
):
    layer(platform, "real", unused_s=90 * DAY_S)
    state = platform.settings.state_dir
    lookalikes = [
        platform.layers.root / "source-1" / "data",  # without a record
        state / "volumes" / "layers" / "source-2",
        state / "volumes" / "cache" / "9",
        state / "volumes" / "building" / "removed-0123456789ab",
        state / "volumes" / ".removed-0123456789ab",
        state / "cache" / "blog",
        state / "cache" / ".removed-me",
        state / "volumes-of-mine" / "files",
    ]
    for path in lookalikes:
        path.mkdir(parents=True)
        (path / "precious").write_text("x")
    (state / "volumes" / "linked").symlink_to(tmp_path)
    (platform.layers.root / "elsewhere").symlink_to(lookalikes[1])
    collect(everything=True)
    assert present(platform) == []
    assert all((path / "precious").read_text() == "x" for path in lookalikes)
    assert (state / "volumes" / "linked").is_symlink()


def test_a_volume_mounted_in_a_layer_that_goes_is_not_emptied(platform: Platform, collect: Collect):
    from tests.image.test_errands import mounted, unmounted

    layer(platform, "old", unused_s=90 * DAY_S)
    volume = platform.settings.state_dir / "volumes" / "data"
    volume.mkdir(parents=True)
    (volume / "precious").touch()
    point = platform.layers.root / "old" / "files" / "inner"
    point.mkdir()
    mounted(volume, point)
    try:
        collect(everything=True)
        assert (volume / "precious").exists()
    finally:
        for path in (platform.layers.root / "building").glob("*/files/inner"):
            unmounted(path)
    collect()
    assert list((platform.layers.root / "building").iterdir()) == []
    assert (volume / "precious").exists()


# -- planning, in which nothing is touched ---------------------------------------------


def record(name: str, **changes: object) -> Record:
    return Record(Layer(name, 0), **changes)  # type: ignore[arg-type]


def names(records: list[Record]) -> list[str]:
    return [one.layer.id for one in records]


def test_a_layer_goes_after_those_that_have_its_files_and_never_before():
    records = [record("a"), record("b", same_as="a"), record("c", same_as="a")]
    facts = Facts(set(), set(), lambda _: 0.0)
    assert names(doomed(records, facts, 1.0)) == ["b", "c", "a"]
    facts = Facts({"c"}, set(), lambda _: 0.0)
    assert names(doomed(records, facts, 1.0)) == ["b"]


def test_twins_get_the_files_of_one_that_gets_those_of_nobody():
    records = [
        record("a", digest="x"),
        record("b", digest="x"),
        record("c", digest="x", same_as="b"),
        record("d", digest="y"),
        record("e", digest="x"),
        record("f"),
        record("g"),
    ]
    assert list(pairs(records)) == [("a", "b"), ("e", "b")]
    both = [record("a", digest="x"), record("b", digest="x"), record("c", same_as="a")]
    assert list(pairs([*both, record("d", same_as="b")])) == []
