"""builds: what deploys there were, are told as dokku tells them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from paas.deploy import builds
from paas.model.app import App
from paas.model.build import Build, BuildKind, BuildStatus, Phase, new_id
from paas.platform import Platform
from tests.commands.conftest import Admin

BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)


def build(platform: Platform, app: App, **changes: object) -> Build:
    """A deploy that took 74 seconds and ended well, with a log."""
    made = Build(
        new_id(), app.id, BuildKind.BUILD, "git-hook", "alice", "c" * 40, 4711, BEGAN,
        BuildStatus.SUCCEEDED, BEGAN + timedelta(seconds=74), 0, release=3,
        phases=(Phase("waiting", 0.2), Phase("build", 73.8)),
    )  # fmt: skip
    made = replace(made, **changes)  # type: ignore[arg-type]
    platform.store.builds.begin(made)
    path = builds.log_path(platform, app, made.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("-----> Building blog\n")
    return made


def test_an_apps_deploys_are_listed_and_can_be_chosen_from(
    admin: Admin, platform: Platform, blog: App
):
    assert admin.ok("builds:list", "blog") == "No builds recorded for this app\n"
    pushed = build(platform, blog)
    failed = build(
        platform, blog, kind=BuildKind.DEPLOY, source="ps:restart", status=BuildStatus.FAILED
    )
    out = admin.ok("builds:list", "blog").splitlines()
    assert out[1].split() == [
        *("Build", "ID", "Kind", "Status", "Source", "By", "Started", "Duration", "Commit"),
        "Release",
    ]
    assert {line.split()[0] for line in out[2:]} == {pushed.id, failed.id}
    for words, expected in (
        (("--kind", "build"), [pushed.id]),
        (("--status", "failed"), [failed.id]),
        (("--kind", "build", "--status", "failed"), []),
    ):
        said = admin("builds:list", "blog", *words, "--format", "json").json()
        assert [one["id"] for one in said] == expected
    assert admin.fails("builds:list", "blog", "--kind", "other").status == 2


def test_without_an_app_those_under_way_are_listed(admin: Admin, platform: Platform, blog: App):
    build(platform, blog)
    assert admin.ok("builds:list") == "No builds currently running\n"
    assert admin("builds:list", "--format", "json").json() == []


def test_info_tells_all_of_one(admin: Admin, platform: Platform, blog: App):
    one = build(platform, blog)
    out = admin.ok("builds:info", "blog", one.id)
    assert out.startswith(f"=====> Build {one.id}\n")
    for line in ("Duration:", "1m14s", "- build:", "73.8s", "Exit Code:", "v3", "c" * 40):
        assert line in out
    said = admin("builds:info", "blog", one.id, "--format", "json").json()
    assert (said["app"], said["status"], said["display_status"]) == ("blog", *["succeeded"] * 2)
    assert (said["pid"], said["exit_code"], said["duration"]) == (4711, 0, "1m14s")
    assert said["started_at"] == "2026-01-31T12:00:00Z"
    assert said["finished_at"] == "2026-01-31T12:01:14Z"
    assert said["phases"][1] == {"name": "build", "seconds": 73.8}
    assert admin("builds:info", "blog", "--format", "json").json() == said
    assert "no such build nosuch for app blog" in admin.fails("builds:info", "blog", "nosuch").err


def test_output_shows_what_was_said(admin: Admin, platform: Platform, blog: App):
    one = build(platform, blog)
    for words in ((), (one.id,), ("--no-tail",), ("-t", one.id)):
        assert admin.ok("builds:output", "blog", *words) == "-----> Building blog\n"
    assert "App not currently deploying" in admin.ok("builds:output", "blog", "current")
    builds.log_path(platform, blog, one.id).unlink()
    assert "is not here" in admin.fails("builds:output", "blog", one.id).err


@pytest.mark.parametrize("command", ["builds:cancel", "builds:info", "builds:output"])
def test_nothing_under_way_is_told_as_dokku_does(admin: Admin, blog: App, command: str):
    words = () if command == "builds:cancel" else ("current",)
    assert "App not currently deploying" in admin.ok(command, "blog", *words)
    assert admin.fails(command, "nosuch").status == 20


def test_retention_is_set_and_applied(admin: Admin, platform: Platform, blog: App):
    for _ in range(5):
        build(platform, blog)
    admin.ok("builds:set", "--global", "retention", "4")
    admin.ok("builds:prune", "--all-apps")
    assert len(platform.store.builds.list(blog)) == 4
    admin.ok("builds:set", "blog", "retention", "2")
    assert "2 builds of blog were forgotten" in admin.ok("builds:prune", "blog")
    report = admin("builds:report", "blog", "--format", "json").json()
    assert (report["retention"], report["global-retention"]) == ("2", "4")
    assert report["computed-retention"] == "2"
    assert admin.ok("builds:report", "blog", "--builds-computed-retention") == "2\n"
    assert admin.fails("builds:prune").status == 2
    assert admin.fails("builds:set", "blog", "retention", "0").status == 2


def test_the_report_has_dokkus_flags(admin: Admin, platform: Platform, blog: App):
    one = build(platform, blog)
    for flag, expected in (
        ("--build-id", one.id),
        ("--build-status", "succeeded"),
        ("--build-kind", "build"),
        ("--build-source", "git-hook"),
        ("--build-pid", "4711"),
        ("--build-exit-code", "0"),
        ("--build-started-at", str(int(BEGAN.timestamp()))),
    ):
        assert admin.ok("builds:report", "blog", flag) == f"{expected}\n"
    assert "Build status:" in admin.ok("builds:report", "blog")


def test_ids_sort_by_time():
    ids = [new_id() for _ in range(3)]
    assert all(len(one) == 14 for one in ids)
    assert new_id()[:9] >= ids[0][:9]
