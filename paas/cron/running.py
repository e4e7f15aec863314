"""Running a job: from its turn to its container, and from the container's end to its result.

What is written down comes first: a run that was begun is never begun again, and a daemon
that finds one adopts its container.
"""

from collections.abc import Callable
from typing import TypeVar

from paas.cron import mail
from paas.cron.agenda import jobs_of
from paas.cron.rules import resting, rules
from paas.deploy import ends, oneoff
from paas.engines.base import Wire
from paas.errors import PaasError, of_disk
from paas.failpoints import failpoint
from paas.model.app import App
from paas.model.container import Container, ContainerSpec, ExitStatus
from paas.model.job import UNDER_WAY, Job, JobRun, State
from paas.platform import Platform

Started = TypeVar("Started", Container, tuple[Container, Wire])

PROCESS = "cron"
SCHEDULE = "schedule"  # who is said to have run what was due
NOT_SEEN = "its end was not seen: the daemon or the machine went down"
NOT_STARTED = "the daemon went down while it was being started; it was not started again"


def take_turn(platform: Platform, run: JobRun) -> None:
    """Start what was due and waited, unless that makes no sense any more. Tells what came of it."""
    app = platform.store.apps.by_id(run.app_id)
    if app is None:
        return
    job = next(
        (one for one in jobs_of(platform.store.releases.current(app)) if one.id == run.job_id),
        None,
    )
    if job is None:
        skip(platform, app, run, "the release that serves has no such job")
        return
    of_app = rules(platform, app)
    why = resting(platform, app, job, platform.store.jobs.state(app, job.id), of_app)
    if not why:
        why = make_way(platform, app, job, run)
    if why:
        skip(platform, app, run, why)
        return
    begin(platform, app, job, run, of_app.ttl_s, platform.engine.start)


def make_way(platform: Platform, app: App, job: Job, run: JobRun) -> str:
    """By the job's own policy: why it cannot run beside those that do; "" when it may."""
    others = [
        one
        for one in platform.store.jobs.with_state(*UNDER_WAY, app=app)
        if one.job_id == job.id and one.id != run.id
    ]
    if others and job.concurrency == "forbid":
        return f"{others[0].container} of the time before still runs"
    if job.concurrency == "replace":
        for one in others:
            end_container(platform, app, one, "stopped: a later run takes its place")
    return ""


def end_container(platform: Platform, app: App, run: JobRun, why: str) -> None:
    """Stop the container of a run that is under way."""
    container = platform.engine.get(run.container_id)
    if container is not None:
        oneoff.stop(platform, app, container, why)
    platform.store.jobs.end(run, State.STOPPED, why)


def stop_all(platform: Platform, app: App) -> int:
    """Stop every run of an app, as it is stopped itself; how many there were."""
    waiting = platform.store.jobs.with_state(State.WAITING, app=app)
    for run in waiting:
        platform.store.jobs.end(run, State.SKIPPED, f"{app.name} is stopped")
    going_on = platform.store.jobs.with_state(*UNDER_WAY, app=app)
    for run in going_on:
        end_container(platform, app, run, f"stopped: {app.name} is stopped")
    return len(going_on)


def by_hand(platform: Platform, app: App, job: Job, actor: str, ttl_s: int | None) -> Container:
    """Run a job now, whatever its schedule says; its container."""
    return now(platform, app, job, actor, ttl_s, platform.engine.start)


def attended(
    platform: Platform, app: App, job: Job, actor: str, ttl_s: int | None
) -> tuple[Container, Wire]:
    """The same, with what it says from its first byte on."""
    return now(platform, app, job, actor, ttl_s, platform.engine.attend)


def now(
    platform: Platform,
    app: App,
    job: Job,
    actor: str,
    ttl_s: int | None,
    start: Callable[[ContainerSpec], Started],
) -> Started:
    number = platform.store.jobs.add(app.id, job.id, State.WAITING, actor=actor)
    run = platform.store.jobs.run(number)
    if run is None:
        raise PaasError("the app was destroyed meanwhile")
    if why := make_way(platform, app, job, run):
        skip(platform, app, run, why)
        raise PaasError(f"job {job.id} was not started: {why}")
    started = begin(platform, app, job, run, ttl_s or rules(platform, app).ttl_s, start)
    if started is None:
        ended = platform.store.jobs.run(number)
        raise PaasError(f"job {job.id} {ended.words if ended else 'is gone'}")
    return started


def begin(
    platform: Platform,
    app: App,
    job: Job,
    run: JobRun,
    ttl_s: int,
    start: Callable[[ContainerSpec], Started],
) -> Started | None:
    """Start a run's container; None when it waits no more, or could not be started."""
    order = oneoff.Order((job.command,), ttl_s=ttl_s, process=PROCESS, job_id=job.id)
    try:
        with oneoff.seat(platform, app, order) as spec:
            if not platform.store.jobs.begin(run, spec.id, spec.hostname):
                return None
            failpoint("cron.begun")
            started = start(spec)
            failpoint("cron.started")
            platform.store.jobs.running(run)
    except (PaasError, OSError) as error:
        told = error if isinstance(error, PaasError) else of_disk(error)
        words = f"was not started: {told.message if told else error}"
        over(platform, app, run, State.FAILED, words)
        return None
    platform.logs.append(app.name, f"{spec.hostname} runs job {job.id}")
    return started


def skip(platform: Platform, app: App, run: JobRun, why: str) -> None:
    over(platform, app, run, State.SKIPPED, f"skipped: {why}")


# -- ends ------------------------------------------------------------------------------


def ended(platform: Platform, container: Container) -> None:
    """Note how a job's container ended; short, nobody is mailed yet."""
    run = platform.store.jobs.in_container(container.id)
    if run is None:
        return
    state, words, code = result(container.exit, ends.describe(container), container.id)
    platform.store.jobs.end(run, state, words, code)


def result(status: ExitStatus | None, words: str, container_id: str) -> tuple[State, str, int]:
    """How a run ended, by how its container did and by who ended it."""
    code = status.code if status else 1
    if why := oneoff.reason(container_id):
        return State.STOPPED, why, code
    return (State.SUCCEEDED if code == 0 else State.FAILED), words, code


def adopt(platform: Platform) -> None:
    """At the daemon's start: runs that were under way go on, or are over by now."""
    for run in platform.store.jobs.with_state(State.WAITING):
        if run.due_at is None:
            platform.store.jobs.end(run, State.SKIPPED, "skipped: who asked for it has gone")
    for run in platform.store.jobs.with_state(*UNDER_WAY):
        container = platform.engine.get(run.container_id)
        if container is not None and container.running:
            platform.store.jobs.running(run)
        elif container is not None:
            ended(platform, container)
        elif (app := platform.store.apps.by_id(run.app_id)) is not None:
            words = NOT_STARTED if run.state is State.STARTING else NOT_SEEN
            over(platform, app, run, State.LOST, words)


def over(platform: Platform, app: App, run: JobRun, state: State, words: str) -> None:
    """A run that had no container to end is over, and that is told."""
    if platform.store.jobs.end(run, state, words):
        tell(platform, app, run.id)


def tell(platform: Platform, app: App, number: int) -> None:
    """Say how a run ended: to the log, as an event and by mail."""
    run = platform.store.jobs.run(number)
    if run is None:
        return
    well = run.state in (State.SUCCEEDED, State.SKIPPED)
    what = f"{run.container or 'job'} ({run.job_id}) {run.words}"
    if not run.container_id:
        platform.logs.append(app.name, f"job {run.job_id} {run.words}")
    outcome = "succeeded" if well else "failed"
    platform.record(app.name, run.actor or SCHEDULE, "cron", what, outcome)
    if run.container_id:
        mail.of_run(platform, app, run, rules(platform, app))
