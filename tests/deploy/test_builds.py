"""Recordings of deploys: what is kept of one, while it is under way and after."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from paas.console import Console, silent
from paas.deploy import builds
from paas.errors import Cancelled, PaasError
from paas.model.app import App
from paas.model.build import Build, BuildKind, BuildStatus
from paas.platform import Platform
from paas.turns import Replaced


@pytest.fixture
def app(platform: Platform) -> App:
    return platform.store.apps.create("blog")


@contextmanager
def recorded(platform: Platform, kind: BuildKind = BuildKind.BUILD) -> Iterator[Console]:
    with silent() as console:
        console.command = "git-hook"
        with builds.recorded(platform, "blog", console, kind, "alice", "c" * 40):
            yield console


def said(platform: Platform, app: App, build: Build) -> str:
    parts: list[str] = []
    builds.output(platform, app, build, parts.append, follow=False)
    return "".join(parts)


def latest(platform: Platform, app: App) -> Build:
    found = platform.store.builds.latest(app)
    assert found is not None
    return found


def test_a_deploy_is_kept_with_all_it_said_and_how_long_its_parts_took(
    platform: Platform, app: App
):
    with recorded(platform) as console:
        console.step("Building blog")
        builds.at("build")
        console.detail("compiling")
        console.warn("a warning")
        assert [one.status for one in builds.running(platform)] == [BuildStatus.RUNNING]
    build = latest(platform, app)
    assert (build.status, build.exit_code, build.source) == ("succeeded", 0, "git-hook")
    assert (build.actor, build.commit, build.kind) == ("alice", "c" * 40, "build")
    assert [one.name for one in build.phases] == ["waiting", "build"]
    assert said(platform, app, build) == (
        "-----> Building blog\n       compiling\n !     a warning\n"
    )
    assert not builds.running(platform)


def test_a_part_that_is_a_deploy_itself_is_no_build_of_its_own(platform: Platform, app: App):
    with recorded(platform), recorded(platform, BuildKind.DEPLOY):
        pass
    assert [one.kind for one in platform.store.builds.list(app)] == ["build"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (PaasError("no Procfile", "add one"), "failed", 1),
        (Cancelled("cancelled by bob"), "canceled", 130),
        (Replaced("a newer one came"), "canceled", 1),
        (ValueError("secret detail"), "failed", 1),
    ],
)
def test_a_deploy_that_ends_early_says_why_in_its_record_and_its_log(
    platform: Platform, app: App, error: Exception, status: str, code: int
):
    with pytest.raises(type(error)), recorded(platform):
        raise error
    build = latest(platform, app)
    assert (build.status, build.exit_code) == (status, code)
    expected = error.message if isinstance(error, PaasError) else "ValueError"
    assert build.result == expected
    assert f" !     {expected}\n" in said(platform, app, build)
    assert "secret" not in said(platform, app, build)


def test_whoever_follows_sees_what_is_said_until_the_end(platform: Platform, app: App):
    parts: list[str] = []
    seen = threading.Event()

    def show(text: str) -> None:
        parts.append(text)
        if "one" in text:
            seen.set()

    with recorded(platform) as console:
        console.step("one")
        build = builds.running(platform, app)[0]
        arguments = (platform, app, build, show)
        follower = threading.Thread(target=builds.output, args=arguments, kwargs={"follow": True})
        follower.start()
        assert seen.wait(60)
        console.step("two")
    follower.join(60)
    assert not follower.is_alive()
    assert "".join(parts) == "-----> one\n-----> two\n"


def test_who_cancels_is_told_and_waits_for_the_end(platform: Platform, app: App):
    under_way, over = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with recorded(platform) as console:
                console.on_cancel(over.set)
                under_way.set()
                over.wait(60)
                console.check_cancelled()
        except Cancelled as error:
            failed.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    assert under_way.wait(60)
    ended = builds.cancel(platform, app, "bob")
    assert [(one.status, one.result) for one in ended] == [("canceled", "cancelled by bob")]
    worker.join(60)
    assert [str(one) for one in failed] == ["cancelled by bob"]
    assert builds.cancel(platform, app, "bob") == []


def test_only_the_newest_are_kept_with_their_logs(platform: Platform, app: App):
    platform.store.properties.set(app, "builds", "retention", "3")
    for _ in range(5):
        with recorded(platform) as console:
            console.step("once more")
    kept = platform.store.builds.list(app)
    assert len(kept) == 3
    logs = {path.stem for path in builds.log_path(platform, app, "x").parent.iterdir()}
    assert logs == {one.id for one in kept}


def left_by_a_killed_daemon(platform: Platform, app: App) -> Build:
    build = Build("0abandoned0000", app.id, BuildKind.BUILD, "git-hook", "alice", "", 1,
                  builds.moment())  # fmt: skip
    platform.store.builds.begin(build)
    return build


def test_what_a_killed_daemon_left_is_abandoned_until_the_next_one_fails_it(
    platform: Platform, app: App
):
    build = left_by_a_killed_daemon(platform, app)
    assert builds.as_it_is(build).status == "abandoned"
    assert builds.running(platform) == []
    with recorded(platform):
        builds.fail_abandoned(platform)
    ended = platform.store.builds.get(app, build.id)
    assert (ended.status, ended.result) == ("failed", builds.ENDED_EARLY)


def test_pruning_ends_what_nobody_is_at(platform: Platform, app: App):
    build = left_by_a_killed_daemon(platform, app)
    builds.prune(platform, app)
    assert platform.store.builds.get(app, build.id).status == "failed"


def test_a_log_has_its_bounds(platform: Platform, app: App):
    most = platform.settings.build_log_bytes
    with recorded(platform) as console:
        for _ in range(most // (1 << 20) + 1):
            console.write(b"x" * (1 << 20))
    path = builds.log_path(platform, app, latest(platform, app).id)
    assert most - (1 << 20) < path.stat().st_size <= most + 100
    assert path.read_bytes().endswith(builds.TOO_MUCH)


def test_a_deploy_that_cannot_be_recorded_goes_on(platform: Platform, app: App):
    folder = builds.log_path(platform, app, "x").parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("no folder")
    with recorded(platform) as console:
        console.step("goes on")
    assert platform.store.builds.list(app) == []


def test_nothing_in_a_log_drives_the_readers_terminal(platform: Platform, app: App):
    with recorded(platform) as console:
        console.write(b"\x1b]0;owned\x07red\x1b[31m\n")
    assert said(platform, app, latest(platform, app)) == "red\n"
