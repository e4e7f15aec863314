"""Old build logs and what faults left go; what is somebody's, or nobody knows, stays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from paas.deploy import workshop
from paas.model.build import Build, BuildKind, BuildStatus
from paas.platform import Platform
from tests.commands.conftest import Admin, FakeNetworks
from tests.upkeep.conftest import DAY_S, Collect, freed


def build_log(platform: Platform, name: str, number: int, days: float = 0) -> Path:
    """A build that is over, with its log."""
    app = platform.store.apps.find(name)
    then = datetime.now(UTC) - timedelta(days=days)
    build = Build(f"{number:014}", app.id if app else 0, BuildKind.BUILD, "git-hook", "alice",
                  "", 1, then, BuildStatus.SUCCEEDED, then, 0)  # fmt: skip
    if app is not None:
        platform.store.builds.begin(build)
    path = platform.settings.state_dir / "builds" / name / f"{build.id}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x" * 5000)
    return path


def test_builds_go_by_number_and_age_and_the_newest_stays(platform: Platform, collect: Collect):
    for name in ("blog", "shop"):
        platform.store.apps.create(name)
    many = [build_log(platform, "blog", number) for number in range(25)]
    old = [build_log(platform, "shop", number, days=100) for number in range(3)]
    notes = many[0].with_name("notes.txt")
    notes.write_text("mine")
    nobodys = build_log(platform, "gone", 1, days=1000)
    assert len(freed(collect(dry=True), "build-log")) == 7
    assert len(platform.store.builds.list(platform.store.apps.get("blog"))) == 25
    outcome = collect()
    assert len(freed(outcome, "build-log")) == 7
    assert [path.exists() for path in many] == [False] * 5 + [True] * 20
    assert [path.exists() for path in old] == [False, False, True]
    assert len(platform.store.builds.list(platform.store.apps.get("blog"))) == 20
    assert notes.exists()
    assert nobodys.exists()


def test_logs_of_builds_that_nobody_knows_go(platform: Platform, collect: Collect):
    platform.store.apps.create("blog")
    known = build_log(platform, "blog", 1)
    unknown = known.with_name("20260101T000001.000000Z.log")
    unknown.write_text("of a former version")
    collect()
    assert (known.exists(), unknown.exists()) == (True, False)


def test_directories_of_builds_that_are_over_go_and_those_in_use_stay(
    platform: Platform, collect: Collect
):
    root = platform.settings.run_dir / "builds"
    for name in ("blog.0123abcd", "gone.0123abcd", "blog.mine", "blog"):
        (root / name).mkdir(parents=True)
    with workshop.workplace(platform.settings, "images") as used:
        used.mkdir()
        collect(everything=True)
        assert sorted(path.name for path in root.iterdir()) == ["blog", "blog.mine", used.name]
    assert not used.exists()


def test_networks_of_apps_that_are_gone_go(platform: Platform, collect: Collect):
    app = platform.store.apps.create("blog")
    networks = platform.networks
    assert isinstance(networks, FakeNetworks)
    networks.present = {app.slot, 7}
    assert freed(collect(dry=True), "network") == [platform.settings.bridge(7)]
    assert networks.present == {app.slot, 7}
    collect()
    assert networks.present == {app.slot}


def test_a_step_that_fails_leaves_the_others_their_turn(platform: Platform, collect: Collect):
    app = platform.store.apps.create("blog")
    build_log(platform, "blog", 1, days=100)
    build_log(platform, "blog", 2)
    (platform.settings.state_dir / "cache").write_text("no directory")
    (platform.settings.run_dir / "builds").write_text("neither")
    assert len(freed(collect(), "build-log")) == 1
    assert platform.store.apps.get("blog") == app


# -- commands --------------------------------------------------------------------------


def test_gc_says_what_it_freed_and_events_record_it(admin: Admin, platform: Platform):
    platform.store.apps.create("blog")
    for number in range(22):
        build_log(platform, "blog", number)
    assert "Would free" in admin.ok("gc", "--dry-run")
    said = admin("gc", "--dry-run", "--format", "json").json()
    assert said["dry_run"] is True
    assert [one["kind"] for one in said["freed"]] == ["build-log"] * 2
    assert said["freed_bytes"] == sum(one["bytes"] for one in said["freed"]) > 0
    out = admin.ok("gc")
    assert "=====> Freed 16 KiB" in out
    assert "2 build logs: 16 KiB" in out
    assert "There was nothing to free" in admin.ok("cleanup")
    events = [one for one in platform.store.events.list() if one.action == "gc"]
    freed = "Freed 16 KiB: 2 build logs"
    assert [(one.actor, one.detail) for one in events] == [("alice", freed), ("alice", "cleanup")]


def test_cleanup_takes_what_dokkus_takes(admin: Admin, platform: Platform):
    platform.store.apps.create("blog")
    for words in ((), ("--global",), ("blog",), ("--app", "blog")):
        admin.ok("cleanup", *words)
    assert admin.fails("cleanup", "nosuch").status == 20
    assert admin.fails("cleanup", "blog", "shop").status == 2
    assert admin.fails("gc", "nosuch").status == 20


def test_what_is_kept_can_be_set_by_app_and_for_all(admin: Admin, platform: Platform):
    from paas.deploy import policies
    from paas.upkeep import policy

    app = platform.store.apps.create("blog")
    admin.ok("gc:set", "--global", "releases-kept", "4")
    admin.ok("gc:set", "blog", "cache-size", "64m")
    admin.ok("gc:set", "blog", "cache-days", "3")
    assert policies.releases_kept(platform, app) == 4
    assert policy.cache_bytes(platform, app) == 64 << 20
    assert policy.cache_unused_s(platform, app) == 3 * DAY_S
    report = admin("gc:report", "blog", "--format", "json").json()
    assert (report["computed-releases-kept"], report["cache-size"]) == ("4", "64m")
    assert report["global-cache-size"] == ""
    for key, value in (("cache-size", "lots"), ("cache-size", "1b"), ("releases-kept", "0")):
        admin.fails("gc:set", "blog", key, value)
    assert "cache-size" in admin.fails("gc:set", "blog", "colour", "red").err


def test_only_those_who_may_free_space(admin: Admin):
    from tests.commands.conftest import NOBODY

    for command in (("gc",), ("cleanup",), ("repo:gc", "blog"), ("repo:purge-cache", "blog")):
        assert admin(*command, caller=NOBODY).status == 77
