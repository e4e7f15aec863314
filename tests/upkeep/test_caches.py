"""Build caches are bounded, by app and together; nobody's go, and none under a build."""

import os
from dataclasses import replace
from pathlib import Path

from paas.console import silent
from paas.deploy.dependencies import BASES
from paas.platform import Platform
from paas.upkeep import collector
from paas.upkeep.round import Wish
from tests.commands.conftest import Admin
from tests.upkeep.conftest import Collect, cache, freed

MIB = 1 << 20


def tools(path: Path) -> list[str]:
    return sorted(one.name for one in path.iterdir()) if path.exists() else []


def test_the_tools_unused_for_longest_go_until_a_cache_is_within_its_bound(
    platform: Platform, collect: Collect
):
    app = platform.store.apps.create("blog")
    path = cache(platform, app.id, npm=4 * MIB, uv=3 * MIB, pip=2 * MIB)
    platform.store.properties.set(app, "gc", "cache-size", "16m")
    assert freed(collect(), "cache") == []
    platform.store.properties.set(app, "gc", "cache-size", "5m")
    outcome = collect()
    assert freed(outcome, "cache") == ["npm", "uv"]
    assert tools(path) == ["pip"]
    assert 7 * MIB <= outcome.bytes < 8 * MIB


def test_caches_together_are_bounded_those_of_apps_built_least_recently_go(platform: Platform):
    apps = [platform.store.apps.create(name) for name in ("blog", "shop", "wiki")]
    paths = [cache(platform, app.id, uv=3 * MIB) for app in apps]
    small = replace(platform, settings=replace(platform.settings, cache_bytes=7 * MIB))
    paths[0].chmod(0o700)  # as a build does, which makes it the one used last
    with silent() as console:
        outcome = collector.collect(small, Wish(), console)
    assert freed(outcome, "cache") == ["shop"]
    assert [tools(path) for path in paths] == [["uv"], [], ["uv"]]


def test_the_cache_of_an_app_that_is_not_built_any_more_goes(platform: Platform):
    app = platform.store.apps.create("blog")
    path = cache(platform, app.id, uv=MIB)
    impatient = replace(platform, settings=replace(platform.settings, cache_unused_s=0.01))
    with silent() as console:
        collector.collect(impatient, Wish(), console)
    assert not path.exists()


def test_a_cache_in_use_is_left_for_the_next_time(platform: Platform, collect: Collect):
    app = platform.store.apps.create("blog")
    path = cache(platform, app.id, uv=MIB)
    with platform.locks.attempt("blog"):
        outcome = collect(everything=True)
    assert outcome.busy == ("blog",)
    assert tools(path) == ["uv"]
    assert freed(collect(everything=True), "cache") == ["blog"]
    assert not path.exists()


def test_caches_of_apps_that_are_gone_go_and_what_was_half_removed(
    platform: Platform, collect: Collect
):
    platform.store.apps.create("blog")
    cache(platform, 77, uv=MIB)
    root = platform.settings.state_dir / "cache"
    (root / ".removed-0123456789ab" / "uv").mkdir(parents=True)
    collect()
    assert tools(root) == []


def test_what_a_build_left_in_its_cache_leads_nowhere(
    platform: Platform, collect: Collect, tmp_path: Path
):
    app = platform.store.apps.create("blog")
    path = cache(platform, app.id, uv=MIB)
    (tmp_path / "precious").touch()
    (path / "link").symlink_to(tmp_path)
    (path / "uv" / "link").symlink_to(tmp_path / "precious")
    deep = path / "deep"
    for _ in range(30):
        deep = deep / ("d" * 100)
    deep.mkdir(parents=True)
    collect(everything=True)
    assert not path.exists()
    assert (tmp_path / "precious").exists()


def test_what_dockerfiles_keep_is_bounded_and_goes_alike(platform: Platform, collect: Collect):
    app = platform.store.apps.create("blog")
    path = platform.settings.state_dir / "dockerfile" / str(app.id)
    (path / "mounts").mkdir(parents=True)
    (path / "mounts" / "x").write_bytes(os.urandom(3 * MIB))
    (path / "steps.json").write_text("{}")
    platform.store.properties.set(app, "gc", "cache-size", "1m")
    assert freed(collect(), "cache") == ["mounts"]
    assert [one.name for one in path.iterdir()] == ["steps.json"]
    assert freed(collect(everything=True), "cache") == ["blog"]
    (path.parent / "77").mkdir()
    assert freed(collect(), "cache") == ["77"]
    assert list(path.parent.iterdir()) == []


def test_a_cache_can_be_purged_by_hand(admin: Admin, platform: Platform):
    app = platform.store.apps.create("blog")
    path = cache(platform, app.id, uv=MIB)
    platform.store.properties.set(app, BASES, "python/packages", "{}")
    said = admin("repo:purge-cache", "blog", "--format", "json").json()
    assert platform.store.properties.all(app, BASES) == {}, "the next layer is made from nothing"
    assert said["freed"][0]["kind"] == "cache"
    assert said["freed_bytes"] >= MIB
    assert not path.exists()
    assert "nothing to free" in admin.ok("repo:purge-cache", "blog")
