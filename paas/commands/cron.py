"""cron: what app.json has run at times: which jobs there are, what came of them, running one."""

from datetime import UTC, datetime
from typing import Any

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.logs import in_bulk
from paas.commands.parameters import (
    KEY_NAMED,
    app_argument,
    format_option,
    one_of,
    whole_number,
)
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.console import plain
from paas.cron import mail, rules, running
from paas.cron.agenda import find, jobs_of
from paas.cron.mail import address
from paas.deploy import attending
from paas.errors import PaasError
from paas.model import moments
from paas.model.app import App
from paas.model.job import Job, JobRun, JobState, State, time_zone

job_argument = click.argument("job_id", type=KEY_NAMED, metavar="CRON_ID")
LINES = 1000


def moment(at: datetime | None) -> str:
    return moments.iso(at) if at else ""


# -- what there is ---------------------------------------------------------------------


@command("cron:list", Permission.READ)
@app_argument
@format_option
def list_jobs(context: Context, app: App, format_: str) -> None:
    """List an app's jobs: when each is due next, and what came of it the last time."""
    platform = context.platform
    of_app, last = rules.rules(platform, app), platform.store.jobs.last(app)
    every = [
        described(context, app, job, of_app, last.get(job.id))
        for job in jobs_of(platform.store.releases.current(app))
    ]
    if format_ == "json":
        context.console.json(every)
        return
    context.console.table(
        ("ID", "Schedule", "Concurrency", "Next (UTC)", "Last", "Command"),
        [
            (one["id"], schedule_of(one), one["concurrency_policy"], next_of(one), last_of(one),
             one["command"])
            for one in every
        ],
    )  # fmt: skip


def described(
    context: Context, app: App, job: Job, of_app: rules.Rules, last: JobRun | None
) -> dict[str, Any]:
    """One job for programs; dokku's keys, then ours."""
    state = context.platform.store.jobs.state(app, job.id)
    rests = rules.resting(context.platform, app, job, state, of_app)
    due = job.next_after(datetime.now(UTC), of_app.zone)
    return {
        "id": job.id,
        "app": app.name,
        "command": job.command,
        "global": False,
        "schedule": job.schedule,
        "maintenance": job.maintenance or of_app.maintenance,
        "concurrency_policy": job.concurrency,
        "timezone": job.zone or str(of_app.zone or ""),
        "suspended": bool(state and state.suspended),
        "resting": rests,
        "next": "" if rests else moment(due),
        "last": run_values(last) if last else None,
    }


def schedule_of(one: dict[str, Any]) -> str:
    return f"{one['schedule']} {one['timezone']}".strip()


def next_of(one: dict[str, Any]) -> str:
    return one["resting"] or str(one["next"])[:16].replace("T", " ")


def last_of(one: dict[str, Any]) -> str:
    last = one["last"]
    return f"{last['state']} {last['due_at'] or last['started_at']}" if last else "-"


def run_values(run: JobRun) -> dict[str, Any]:
    """One run for programs."""
    return {
        "number": run.id,
        "state": run.state.value,
        "due_at": moment(run.due_at),
        "started_at": moment(run.started_at),
        "ended_at": moment(run.ended_at),
        "container": run.container,
        "exit_code": run.code,
        "words": run.words,
        "actor": run.actor,
    }


@command("cron:runs", Permission.READ)
@app_argument
@job_argument
@click.option("-n", "--num", "number", type=click.IntRange(1, 1000), default=20,
              show_default=True, help="How many of the last runs.")  # fmt: skip
@format_option
def runs(context: Context, app: App, job_id: str, number: int, format_: str) -> None:
    """List the last runs of a job, the newest first: when, how long, and how it ended."""
    found = context.platform.store.jobs.newest(app, known(context, app, job_id), number)
    if format_ == "json":
        context.console.json([run_values(run) for run in found])
        return
    context.console.table(
        ("RUN", "CONTAINER", "STATE", "DUE (UTC)", "STARTED (UTC)", "TOOK", "RESULT"),
        [row(run) for run in found],
    )


def row(run: JobRun) -> tuple[str, ...]:
    due = moments.minute(run.due_at) if run.due_at else f"by {run.actor}"
    started = moments.second(run.started_at) if run.started_at else "-"
    return (str(run.id), run.container or "-", run.state.value, due, started, took(run), run.words)


def took(run: JobRun) -> str:
    """How long it ran, or runs already."""
    if run.started_at is None or run.state is State.LOST:
        return "-"
    ended = run.ended_at or datetime.now(UTC)
    return f"{max(0.0, (ended - run.started_at).total_seconds()):.1f} s"


def known(context: Context, app: App, job_id: str) -> str:
    """A job's id when it is one of the app's or ran once; PaasError else."""
    if not context.platform.store.jobs.newest(app, job_id, 1):
        find(context.platform, app, job_id)
    return job_id


@command("cron:logs", Permission.READ)
@app_argument
@job_argument
@click.option("--run", "number", type=click.IntRange(1), help="A run's number; the newest else.")
@click.option("-n", "--num", "lines", type=click.IntRange(1, 100_000), default=LINES,
              show_default=True, help="How many of its last lines.")  # fmt: skip
def logs(context: Context, app: App, job_id: str, number: int | None, lines: int) -> None:
    """Show what a run of a job wrote, the newest that had a container or one of cron:runs."""
    known(context, app, job_id)
    for run in context.platform.store.jobs.newest(app, job_id, 1000):
        if run.container_id and number in (None, run.id):
            found = context.platform.logs.of_container(
                app.name, run.container, run.container_id, lines
            )
            in_bulk(context.console, (plain(line) for line in found))
            return
    raise PaasError(
        f"job {job_id} has no run {number} that wrote anything" if number else
        f"job {job_id} has not run yet", f"see paas cron:runs {app.name} {job_id}"
    )  # fmt: skip


# -- changing --------------------------------------------------------------------------


@command("cron:run", Permission.SECRETS)
@app_argument
@job_argument
@click.option("--detach", is_flag=True, help="Print the container's name and do not wait.")
@click.option("--ttl-seconds", type=click.IntRange(1, 30 * 86400),
              help="End it after this many seconds.")  # fmt: skip
def run_now(
    context: Context, app: App, job_id: str, detach: bool, ttl_seconds: int | None
) -> int | None:
    """Run a job now, also one that rests; its output and exit code are yours.

    It goes on when you leave: see cron:runs and cron:logs.
    """
    platform, actor = context.platform, context.caller.name
    job = find(platform, app, job_id)
    if detach:
        container = running.by_hand(platform, app, job, actor, ttl_seconds)
        context.console.line(container.spec.hostname)
        return None
    container, wire = running.attended(platform, app, job, actor, ttl_seconds)
    status = attending.listen(platform, container, wire, context.console)
    context.console.check_cancelled()
    return status.code if status else None


@command("cron:suspend", Permission.WRITE)
@app_argument
@job_argument
def suspend(context: Context, app: App, job_id: str) -> None:
    """Have a job rest: it is not run any more when it is due. What runs goes on."""
    rest(context, app, job_id, suspended=True)


@command("cron:resume", Permission.WRITE)
@app_argument
@job_argument
def resume(context: Context, app: App, job_id: str) -> None:
    """Have a job run again when it is due; what it missed stays missed."""
    rest(context, app, job_id, suspended=False)


def rest(context: Context, app: App, job_id: str, *, suspended: bool) -> None:
    job = find(context.platform, app, job_id)
    context.platform.store.jobs.suspend(app, job.id, suspended=suspended)
    context.record("cron", f"{'Suspend' if suspended else 'Resume'} {job.id}", app)
    done = "Suspended" if suspended else "Resumed"
    context.console.step(f"{done} job {job.id} of {app.name}: {job.command}")


def mail_is_told(context: Context, app: App | None) -> None:
    """After a change, where somebody is to be mailed: whether mail can be sent at all."""
    kept = context.platform.store.properties
    wanted = kept.get(app, "cron", "mailto") or kept.get(None, "cron", "mailto")
    if wanted and (why := mail.problem(context.platform)):
        context.console.warn(why)


def values(context: Context, app: App | None) -> report.Values:
    rows = {"mail": mail.problem(context.platform) or "sent by the server's sendmail"}
    if app is None:
        return rows
    every = jobs_of(context.platform.store.releases.current(app))
    states = [context.platform.store.jobs.state(app, job.id) or JobState(NEVER) for job in every]
    going_on = context.platform.store.jobs.with_state(State.STARTING, State.RUNNING, app=app)
    return {
        **rows,
        "task-count": str(len(every)),
        "running": str(len(going_on)),
        "suspended": str(sum(state.suspended for state in states)),
    }


NEVER = datetime(1970, 1, 1, tzinfo=UTC)
report.register(
    report.Namespace(
        "cron", "cron", "an app's jobs", values,
        (
            report.Property("mailto", "who is mailed what jobs write, and that they fail",
                            address),
            report.Property("mailfrom", "who that mail is from", address),
            report.Property("maintenance", "true: no job is run when it is due",
                            one_of("true", "false"), lambda _: "false"),
            report.Property("timezone", "the zone of times, where a job names none; the "
                            "server's own by default", time_zone),
            report.Property("missed", "what comes of a job that was due while nobody was there "
                            "to start it: run (once) or skip", one_of(rules.RUN, rules.SKIP),
                            lambda _: rules.RUN),
            report.Property("ttl-seconds", "how long a job may run",
                            whole_number(1, 999_999, "seconds"), lambda _: str(rules.TTL_S)),
        ),
        when_set=mail_is_told,
    )
)  # fmt: skip
