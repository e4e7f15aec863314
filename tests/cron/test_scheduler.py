"""Jobs at their times: once, within bounds, and by the rules of their app."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from paas.cron import running
from paas.cron.scheduler import Scheduler
from paas.errors import PaasError
from paas.model.container import ExitStatus
from paas.model.job import State
from paas.platform import Platform
from tests.cron.conftest import Clock, job_of, runs, serve, states
from tests.engines.fake import FakeEngine

RUNNING, WAITING, SKIPPED = State.RUNNING, State.WAITING, State.SKIPPED


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def tick(scheduler: Scheduler, clock: Clock, platform: Platform, **much: int) -> None:
    """Some time goes by; what is due is started."""
    clock.forward(**much)
    scheduler.look()
    hand_out(scheduler, platform)


def hand_out(scheduler: Scheduler, platform: Platform) -> None:
    scheduler.hand_out()
    until(lambda: not scheduler._taken)


def test_a_new_job_waits_for_its_first_time_and_is_run_once_at_each(
    platform: Platform, engine: FakeEngine, scheduler: Scheduler, clock: Clock
):
    app = serve(platform, "blog", {})
    tick(scheduler, clock, platform, minutes=0)
    assert runs(platform, app) == []
    tick(scheduler, clock, platform, minutes=1)
    tick(scheduler, clock, platform, seconds=5)
    assert states(platform, app) == [RUNNING]
    (container,) = engine.list()
    assert (container.spec.hostname, container.spec.ttl_s) == ("cron.1", 86400)
    assert container.spec.environment["DYNO"] == "cron.1"


def test_a_job_that_came_right_before_its_time_is_not_left_out(
    platform: Platform, scheduler: Scheduler
):
    soon = datetime.now(UTC) + timedelta(seconds=25)  # its release serves before that is over
    at = soon.replace(second=0, microsecond=0) + timedelta(minutes=1)
    app = serve(platform, "blog", {"schedule": f"{at.minute} {at.hour} * * *"})
    later = Scheduler(platform, lambda: at + timedelta(seconds=3))
    later.look()
    assert states(platform, app) == [WAITING]
    later.stop()


def test_how_a_job_ended_is_kept_with_its_exit_code(
    platform: Platform, engine: FakeEngine, scheduler: Scheduler, clock: Clock
):
    app = serve(platform, "blog", {})
    tick(scheduler, clock, platform, minutes=0)
    for told, code in enumerate((0, 3), start=1):
        tick(scheduler, clock, platform, minutes=1)
        (container,) = engine.list()
        engine.ended(container.id, ExitStatus(code))
        engine.remove(container.id)
        until(lambda told=told: len(platform.store.events.list("blog")) == told)
    good, bad = runs(platform, app)
    assert (good.state, good.code) == (State.SUCCEEDED, 0)
    assert (bad.state, bad.code, bad.words) == (State.FAILED, 3, "exited with code 3")
    assert bad.ended_at is not None
    assert [event.result for event in platform.store.events.list("blog")] == [
        "succeeded",
        "failed",
    ]


def test_what_was_missed_runs_once_or_is_skipped_by_setting_and_is_told(
    platform: Platform, scheduler: Scheduler, clock: Clock
):
    app = serve(platform, "blog", {"schedule": "0 3 * * *"})
    other = serve(platform, "shop", {"schedule": "0 3 * * *"})
    platform.store.properties.set(other, "cron", "missed", "skip")
    tick(scheduler, clock, platform, minutes=0)
    tick(scheduler, clock, platform, days=3)
    assert states(platform, app) == [RUNNING]
    (skipped,) = runs(platform, other)
    assert skipped.state is SKIPPED
    assert "missed at 2026-05-05 03:00 UTC" in skipped.words
    assert any("missed at" in line.text for line in platform.logs.read("blog"))


@pytest.mark.parametrize("policy", ["allow", "forbid", "replace"])
def test_a_job_that_still_runs_when_it_is_due_again(
    platform: Platform, engine: FakeEngine, scheduler: Scheduler, clock: Clock, policy: str
):
    app = serve(platform, "blog", {"concurrency_policy": policy})
    tick(scheduler, clock, platform, minutes=0)
    tick(scheduler, clock, platform, minutes=1)
    tick(scheduler, clock, platform, minutes=1)
    first, second = states(platform, app)
    if policy == "allow":
        assert (first, second) == (RUNNING, RUNNING)
        assert {one.spec.hostname for one in engine.list()} == {"cron.1", "cron.2"}
    elif policy == "forbid":
        assert (first, second) == (RUNNING, SKIPPED)
        assert "still runs" in runs(platform, app)[1].words
    else:
        assert (first, second) == (State.STOPPED, RUNNING)
        assert "takes its place" in runs(platform, app)[0].words


def test_jobs_of_a_stopped_app_or_under_maintenance_or_suspended_are_not_run(
    platform: Platform, scheduler: Scheduler, clock: Clock
):
    stopped, held = serve(platform, "stopped", {}), serve(platform, "held", {})
    resting, kept = serve(platform, "resting", {}), serve(platform, "kept", {"maintenance": True})
    platform.store.apps.stopped(stopped, True)
    platform.store.properties.set(held, "cron", "maintenance", "true")
    platform.store.jobs.suspend(resting, job_of(platform, resting).id, suspended=True)
    tick(scheduler, clock, platform, minutes=0)
    tick(scheduler, clock, platform, minutes=1)
    for app in (stopped, held, resting, kept):
        assert runs(platform, app) == []
    platform.store.jobs.suspend(resting, job_of(platform, resting).id, suspended=False)
    platform.store.jobs.handled(resting.id, job_of(platform, resting).id, clock.now)
    tick(scheduler, clock, platform, days=1, minutes=1)
    assert states(platform, resting) == [RUNNING]


def test_a_thousand_jobs_at_once_wait_for_each_other_and_no_app_goes_before_the_others(
    platform: Platform, engine: FakeEngine, scheduler: Scheduler, clock: Clock
):
    busy = serve(platform, "busy", *({"command": f"sleep {60 + n}"} for n in range(300)))
    small = serve(platform, "small", {})
    tick(scheduler, clock, platform, minutes=0)
    tick(scheduler, clock, platform, minutes=1)
    assert len(engine.list()) == platform.settings.cron_at_once
    assert len(engine.list("small")) == 1
    assert len(platform.store.jobs.with_state(WAITING)) == 301 - platform.settings.cron_at_once
    for container in engine.list("busy"):
        engine.ended(container.id, ExitStatus(0))
        engine.remove(container.id)
    hand_out(scheduler, platform)
    assert len(engine.list("busy")) == platform.settings.cron_at_once - 1
    assert states(platform, small) == [RUNNING]
    assert busy.id != small.id


def test_a_job_that_still_waits_does_not_wait_twice(
    platform: Platform, scheduler: Scheduler, clock: Clock
):
    app = serve(platform, "blog", {})
    tick(scheduler, clock, platform, minutes=0)
    for _ in range(2):
        clock.forward(minutes=1)
        scheduler.look()
    assert states(platform, app) == [WAITING, SKIPPED]


def test_a_killed_daemon_forgets_nothing_and_starts_nothing_twice(
    platform: Platform, engine: FakeEngine, scheduler: Scheduler, clock: Clock
):
    app = serve(platform, "blog", {})
    other = serve(platform, "shop", {})
    tick(scheduler, clock, platform, minutes=0)
    tick(scheduler, clock, platform, minutes=1)
    clock.forward(minutes=1)
    scheduler.look()  # due, and then the daemon is killed
    next_one = Scheduler(platform, clock)
    next_one.hear()
    assert states(platform, app) == [RUNNING, WAITING]
    next_one.look()
    next_one.hand_out()
    until(lambda: not next_one._taken)
    assert states(platform, app) == states(platform, other) == [RUNNING, RUNNING]
    assert len(engine.list("blog")) == 2
    next_one.stop()


def test_a_run_whose_container_never_was_is_lost_and_not_started_again(
    platform: Platform, engine: FakeEngine, scheduler: Scheduler, clock: Clock
):
    app = serve(platform, "blog", {"schedule": "0 3 * * *"})
    tick(scheduler, clock, platform, minutes=0)
    tick(scheduler, clock, platform, days=1)
    (container,) = engine.list()
    engine.on_exit(lambda _: None)
    engine._listeners.clear()  # nobody hears of the end
    engine.remove(container.id)
    again = Scheduler(platform, clock)
    again.hear()
    again.look()
    again.hand_out()
    assert states(platform, app) == [State.LOST]
    assert engine.list() == []
    assert any(event.result == "failed" for event in platform.store.events.list("blog"))
    again.stop()


def test_a_release_without_the_job_forgets_it_and_what_waits_is_skipped(
    platform: Platform, engine: FakeEngine, scheduler: Scheduler, clock: Clock
):
    app = serve(platform, "blog", {})
    job = job_of(platform, app)
    tick(scheduler, clock, platform, minutes=0)
    clock.forward(minutes=1)
    scheduler.look()
    serve(platform, "blog", {"command": "another"})
    hand_out(scheduler, platform)
    (skipped,) = platform.store.jobs.newest(app, job.id, 9)
    assert (skipped.state, engine.list()) == (SKIPPED, [])
    scheduler.look()
    assert platform.store.jobs.state(app, job.id) is None


def test_stopping_an_app_stops_its_jobs(
    platform: Platform, engine: FakeEngine, scheduler: Scheduler, clock: Clock
):
    app = serve(platform, "blog", {})
    tick(scheduler, clock, platform, minutes=0)
    tick(scheduler, clock, platform, minutes=1)
    assert running.stop_all(platform, app) == 1
    assert states(platform, app) == [State.STOPPED]
    assert engine.list() == []


def test_an_app_with_its_share_of_one_off_containers_gets_no_more(
    platform: Platform, scheduler: Scheduler, clock: Clock
):
    app = serve(platform, "blog", {})
    platform.store.properties.set(app, "run", "at-once", "0")
    tick(scheduler, clock, platform, minutes=0)
    tick(scheduler, clock, platform, minutes=1)
    (failed,) = runs(platform, app)
    assert failed.state is State.FAILED
    assert "may have 0" in failed.words
    with pytest.raises(PaasError, match="may have 0"):
        running.by_hand(platform, app, job_of(platform, app), "alice", None)


def test_only_so_many_results_are_kept(platform: Platform):
    app = serve(platform, "blog", {})
    job = job_of(platform, app)
    for _ in range(60):
        number = platform.store.jobs.add(app.id, job.id, WAITING)
        run = platform.store.jobs.run(number)
        assert run is not None
        platform.store.jobs.end(run, State.SUCCEEDED)
    assert len(platform.store.jobs.newest(app, job.id, 1000)) == 50


class Killed(BaseException):
    """The daemon is gone."""


@pytest.mark.parametrize(("point", "then"), [("cron.begun", State.LOST), ("cron.started", RUNNING)])
def test_a_daemon_killed_while_it_starts_a_job_never_starts_it_twice(
    platform: Platform, engine: FakeEngine, clock: Clock, monkeypatch: pytest.MonkeyPatch,
    point: str, then: State,
):  # fmt: skip
    app = serve(platform, "blog", {})
    number = platform.store.jobs.add(
        app.id, job_of(platform, app).id, WAITING, due_at=clock.now, actor="schedule"
    )

    def die(name: str) -> None:
        if name == point:
            raise Killed

    monkeypatch.setattr(running, "failpoint", die)
    run = platform.store.jobs.run(number)
    assert run is not None
    with pytest.raises(Killed):
        running.take_turn(platform, run)
    monkeypatch.undo()
    containers = engine.list()
    again = Scheduler(platform, clock)
    again.hear()
    again.hand_out()
    until(lambda: not again._taken)
    assert states(platform, app) == [then]
    assert engine.list() == containers
    again.stop()


def test_an_app_whose_jobs_cannot_be_looked_at_keeps_nobody_elses_waiting(
    platform: Platform, scheduler: Scheduler, clock: Clock
):
    broken, whole = serve(platform, "a-broken", {}), serve(platform, "whole", {})
    tick(scheduler, clock, platform, minutes=0)
    platform.store.properties.set(broken, "cron", "timezone", "Gone/Away")
    tick(scheduler, clock, platform, minutes=1)
    assert states(platform, whole) == [RUNNING]
    assert runs(platform, broken) == []


def test_a_run_whose_end_could_not_be_noted_does_not_keep_its_job_from_running(
    platform: Platform, engine: FakeEngine, scheduler: Scheduler, clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    app = serve(platform, "blog", {"concurrency_policy": "forbid"})
    tick(scheduler, clock, platform, minutes=0)
    tick(scheduler, clock, platform, minutes=1)
    engine._listeners.clear()  # as if the database had been away
    engine.remove(engine.list()[0].id)
    scheduler.give_up_lost()
    assert states(platform, app) == [RUNNING]  # it may just be ending
    monkeypatch.setattr("paas.cron.scheduler.LOST_S", 0.0)
    scheduler.give_up_lost()
    assert states(platform, app) == [State.LOST]
    tick(scheduler, clock, platform, minutes=1)
    assert states(platform, app) == [State.LOST, RUNNING]
