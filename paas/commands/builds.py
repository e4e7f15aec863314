"""builds: every deploy with all it said, those under way too; dokku's namespace."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import APP, TEXT, app_argument, format_option, whole_number
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import builds
from paas.errors import PaasError, UsageError
from paas.model import moments
from paas.model.app import App
from paas.model.build import Build, BuildKind, BuildStatus

CURRENT = "current"
NOTHING = "App not currently deploying"
RETENTION_AT_MOST = 10_000
optional_app = click.argument("app", type=APP, required=False)


@command("builds:list", Permission.READ)
@optional_app
@click.option("--kind", type=click.Choice([str(one) for one in BuildKind]), help="Only these.")
@click.option("--status", type=click.Choice([str(one) for one in BuildStatus]), help="Only these.")
@format_option
def list_builds(
    context: Context, app: App | None, kind: str | None, status: str | None, format_: str
) -> None:
    """List an app's deploys, those under way first; without an app, all that are under way.

    `build` made a new image (a push, git:from-image, ps:rebuild), `deploy` put one to work
    that was there (config:set, ps:restart, releases:rollback).
    """
    platform = context.platform
    found = builds.running(platform) if app is None else builds.listed(platform, app)
    chosen = [one for one in found if kind in (None, one.kind) and status in (None, one.status)]
    names = {one.id: one.name for one in platform.store.apps.list()}
    if format_ == "json":
        context.console.json([described(context, one, names[one.app_id]) for one in chosen])
    elif app is None:
        show_running(context, chosen, names)
    else:
        show_history(context, app, chosen)


def show_running(context: Context, found: Sequence[Build], names: dict[int, str]) -> None:
    if not found:
        context.console.line("No builds currently running")
        return
    context.console.heading("Currently running builds")
    rows = [
        (names[one.app_id], one.id, one.kind, one.pid, one.source, moments.iso(one.started_at))
        for one in found
    ]
    context.console.table(("App", "Build ID", "Kind", "PID", "Source", "Started"), rows)


def show_history(context: Context, app: App, found: Sequence[Build]) -> None:
    if not found:
        context.console.line("No builds recorded for this app")
        return
    context.console.heading(f"{app.name} builds")
    rows = [
        (one.id, one.kind, one.status, one.source, one.actor, moments.iso(one.started_at),
         took(one), one.commit[:8] or "-", f"v{one.release}" if one.release else "-")
        for one in found
    ]  # fmt: skip
    header = ("Build ID", "Kind", "Status", "Source", "By", "Started", "Duration", "Commit")
    context.console.table((*header, "Release"), rows)


@command("builds:info", Permission.READ)
@app_argument
@click.argument("build", type=TEXT, required=False)
@format_option
def info(context: Context, app: App, build: str | None, format_: str) -> None:
    """Show one deploy: who, from what, how it went, and how long each part of it took.

    BUILD is an id of builds:list, or `current` for the one under way; without one, the newest.
    """
    found = wanted(context, app, build)
    if found is None:
        context.console.step(NOTHING)
        return
    if format_ == "json":
        context.console.json(described(context, found, app.name))
        return
    context.console.heading(f"Build {found.id}")
    rows = dict(lines(context, found, app))
    width = max(map(len, rows)) + 2
    for key, text in rows.items():
        context.console.line(f"       {(key + ':').ljust(width)} {text}".rstrip())


def lines(context: Context, build: Build, app: App) -> list[tuple[str, str]]:
    finished, code = build.finished_at, build.exit_code
    return [
        ("Build ID", build.id),
        ("App", app.name),
        ("Kind", build.kind),
        ("Status", build.status),
        ("Result", build.result),
        ("PID", str(build.pid)),
        ("Source", build.source),
        ("Actor", build.actor),
        ("Commit", build.commit),
        ("Release", f"v{build.release}" if build.release else ""),
        ("Started", moments.iso(build.started_at)),
        ("Finished", moments.iso(finished) if finished else ""),
        ("Duration", took(build)),
        *((f"- {one.name}", f"{one.seconds:.1f}s") for one in build.phases),
        ("Exit Code", "" if code is None else str(code)),
        ("Log", str(builds.log_path(context.platform, app, build.id))),
    ]


@command("builds:output", Permission.READ)
@app_argument
@click.argument("build", type=TEXT, required=False)
@click.option(
    "-t",
    "--tail/--no-tail",
    "tail",
    default=True,
    help="Go on with one that is under way until it ends, as is the default.",
)
def output(context: Context, app: App, build: str | None, tail: bool) -> None:
    """Show all that a deploy said, also to one whose connection was lost.

    BUILD is an id of builds:list, or `current` for the one under way; without one, the newest.
    """
    found = wanted(context, app, build)
    if found is None:
        context.console.step(NOTHING)
        return

    def show(text: str) -> None:
        context.console.check_cancelled()
        context.console.write(text.encode(errors="replace"))

    builds.output(context.platform, app, found, show, follow=tail)


@command("builds:cancel", Permission.WRITE)
@app_argument
def cancel(context: Context, app: App) -> None:
    """Cancel an app's deploys that are under way or wait; what serves goes on serving."""
    if not builds.running(context.platform, app):
        context.console.step(NOTHING)
        return
    context.console.step("Killing app deploy")
    ended = builds.cancel(context.platform, app, context.caller.name)
    for one in ended:
        context.console.detail(f"{one.id} {one.status}: {one.result or 'it was done already'}")
    names = " ".join(one.id for one in ended)
    context.record("deploy", f"Cancel {names}", app)
    if any(one.status is BuildStatus.RUNNING for one in ended):
        raise PaasError(
            "a deploy has not ended yet", f"follow it with paas builds:output {app.name} current"
        )


@command("builds:prune", Permission.WRITE)
@optional_app
@click.option("--all-apps", is_flag=True, help="Of every app.")
def prune(context: Context, app: App | None, all_apps: bool) -> None:
    """Forget deploys beyond the retention now, and have those end that nobody is at."""
    if all_apps == (app is not None):
        raise UsageError("name one app, or give --all-apps")
    for one in [app] if app else context.platform.store.apps.list():
        count = builds.prune(context.platform, one)
        if count:
            context.record("gc", f"{count} builds forgotten", one)
        context.console.step(f"{count} builds of {one.name} were forgotten")


def wanted(context: Context, app: App, text: str | None) -> Build | None:
    """The build that was asked for; None when it is the one under way, and there is none."""
    running = builds.running(context.platform, app)
    if text == CURRENT or (text is None and running):
        return running[-1] if running else None  # the oldest is the one that works
    if text is not None:
        return builds.as_it_is(context.platform.store.builds.get(app, text))
    found = context.platform.store.builds.latest(app)
    return builds.as_it_is(found) if found else None


def described(context: Context, build: Build, name: str) -> dict[str, Any]:
    """A build for programs: dokku's keys, then ours."""
    app = context.platform.store.apps.get(name)
    return {
        "id": build.id,
        "app": name,
        "kind": build.kind,
        "pid": build.pid,
        "started_at": moments.iso(build.started_at),
        "finished_at": moments.iso(build.finished_at) if build.finished_at else None,
        "status": build.status,
        "source": build.source,
        "exit_code": build.exit_code,
        "display_status": build.status,
        "duration": took(build),
        "log_path": str(builds.log_path(context.platform, app, build.id)),
        "actor": build.actor,
        "commit": build.commit,
        "release": f"v{build.release}" if build.release else None,
        "result": build.result,
        "phases": [{"name": one.name, "seconds": round(one.seconds, 3)} for one in build.phases],
    }


def took(build: Build) -> str:
    """`1m14s`, `0.8s`."""
    seconds = build.duration_s(datetime.now(UTC))
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{seconds:.1f}s"


def values(context: Context, app: App | None) -> dict[str, str]:
    """What builds:report shows of an app's newest deploy."""
    found = context.platform.store.builds.latest(app) if app else None
    if app is None or found is None:
        return {}
    build = builds.as_it_is(found)
    finished = build.finished_at
    return {
        "build-id": build.id,
        "build-kind": build.kind,
        "build-status": build.status,
        "build-pid": str(build.pid),
        "build-source": build.source,
        "build-started-at": str(int(build.started_at.timestamp())),
        "build-finished-at": str(int(finished.timestamp())) if finished else "",
        "build-exit-code": "" if build.exit_code is None else str(build.exit_code),
    }


report.register(
    report.Namespace(
        "builds",
        "builds",
        "the newest deploy, and how many are kept",
        values=values,
        properties=(
            report.Property(
                "retention",
                "how many deploys of an app are kept, with all they said",
                whole_number(1, RETENTION_AT_MOST, "builds"),
                lambda context: str(context.platform.settings.build_logs_kept),
            ),
        ),
        bare=lambda key: key.startswith("build-"),
    )
)
