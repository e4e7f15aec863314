"""ps: how many of each process run, and starting, stopping and looking at them."""

from collections.abc import Sequence

import click

from paas.commands import git_images, process_report, report
from paas.commands.context import Context
from paas.commands.every import on_each, parallel_option
from paas.commands.parameters import (
    APP,
    CONTAINER_NAMED,
    PROCESS_TYPE,
    SCALING,
    all_option,
    app_argument,
    format_option,
    one_of,
    whole_number,
)
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.cron import running
from paas.deploy import freezing, hold, operations, order, pipeline, policies, receive, route
from paas.deploy.source import PROCFILE
from paas.errors import UsageError
from paas.model.app import App
from paas.model.names import tree_path
from paas.model.push import Push
from paas.model.restart import RestartPolicy
from paas.platform import Platform

process_argument = click.argument("process", type=CONTAINER_NAMED, required=False)
optional_app = click.argument("app", type=APP, required=False)


@command("ps:scale", Permission.WRITE)
@app_argument
@click.argument("counts", type=SCALING, nargs=-1, metavar="[TYPE=COUNT]...")
@click.option("--skip-deploy", is_flag=True, help="Remember it; the next deploy takes it.")
@format_option
def scale(
    context: Context,
    app: App,
    counts: Sequence[tuple[str, int]],
    skip_deploy: bool,
    format_: str,
) -> None:
    """Run this many of each process type, such as web=2 worker=1; without counts, show them."""
    if not counts:
        show_scale(context, app, format_)
        return
    wanted = dict(counts)
    check_room(context, app, wanted)
    if skip_deploy:
        before = context.platform.store.formation.get(app).counts
        shown = " ".join(f"{kind}={count}" for kind, count in wanted.items())
        context.console.step(f"Scaling {app.name} from the next deploy on: {shown}")
        context.platform.store.formation.set(app, {**before, **wanted})
        context.record("ps", f"Scale {shown}, from the next deploy on", app)
    else:
        operations.scale(
            context.platform, app.name, wanted, context.console, actor=context.caller.name
        )


def check_room(context: Context, app: App, wanted: dict[str, int]) -> None:
    """Refuse more processes than an app's network has addresses for."""
    room = 2 ** (32 - context.platform.settings.subnet_prefix) - 3
    total = sum({**context.platform.store.formation.get(app).counts, **wanted}.values())
    if total > room:
        raise UsageError(f"{total} processes are more than an app's network has room for ({room})")


def show_scale(context: Context, app: App, format_: str) -> None:
    rows = process_report.scale_of(context.platform, app)
    if format_ == "json":
        context.console.json(
            [{"process_type": kind, "quantity": count} for kind, count in rows.items()]
        )
        return
    context.console.step(f"Scaling for {app.name}")
    width = max((len(kind) for kind in rows), default=0) + 2
    context.console.line(f"{'proctype:'.ljust(width)} qty")
    context.console.line(f"{'--------:'.ljust(width)} ---")
    for kind, count in rows.items():
        context.console.line(f"{(kind + ':').ljust(width)} {count}")


@command("ps:restart", Permission.WRITE)
@optional_app
@click.argument("process", type=PROCESS_TYPE, required=False)
@all_option
@parallel_option
def restart(
    context: Context, app: App | None, process: str | None, every: bool, parallel: int
) -> None:
    """Put new containers in place of an app's running ones, without losing a request."""
    if every and process:
        raise UsageError("--all takes no process type")

    def one(given: Context, chosen: App) -> None:
        operations.restart(
            given.platform, chosen.name, given.console, process, actor=given.caller.name
        )

    on_each(context, app, every=every, parallel=parallel, action=one)


def start_one(context: Context, app: App) -> None:
    operations.start(context.platform, app.name, context.console, actor=context.caller.name)


def stop_one(context: Context, app: App) -> None:
    operations.stop(context.platform, app.name, context.console, actor=context.caller.name)
    if jobs := running.stop_all(context.platform, app):
        context.record("ps", f"Stop {jobs} running jobs", app)
        context.console.step(f"Stopped {jobs} running jobs of {app.name}")


def restore_one(context: Context, app: App) -> None:
    if context.platform.store.apps.get(app.name).stopped:
        context.console.step(f"{app.name} was stopped, and stays so")
    else:
        start_one(context, app)


@command("ps:start", Permission.WRITE)
@optional_app
@all_option
@parallel_option
def start(context: Context, app: App | None, every: bool, parallel: int) -> None:
    """Start what should run and does not; of all apps, those that others need first."""
    on_each(context, app, every=every, parallel=parallel, action=start_one, in_order=True)


@command("ps:stop", Permission.WRITE)
@optional_app
@all_option
@parallel_option
def stop(context: Context, app: App | None, every: bool, parallel: int) -> None:
    """Stop every process of an app; its domains show a page that says so."""
    on_each(context, app, every=every, parallel=parallel, action=stop_one)


@command("ps:restore", Permission.WRITE)
@optional_app
@all_option
@parallel_option
def restore(context: Context, app: App | None, every: bool, parallel: int) -> None:
    """Start what should run and does not, as after a reboot, when it happens by itself.

    Of every app when none is named, those that others need first; what was stopped stays so.
    """
    on_each(
        context,
        app,
        every=every or app is None,
        parallel=parallel,
        action=restore_one,
        in_order=True,
    )


@command("ps:pause", Permission.WRITE)
@app_argument
def pause(context: Context, app: App) -> None:
    """Have an app's requests wait in the proxy until ps:resume; its processes go on.

    Each waits for pause-seconds at most, and then gets a page that says so.
    """
    hold.pause(context.platform, app.name, context.console, actor=context.caller.name)


@command("ps:resume", Permission.WRITE)
@app_argument
def resume(context: Context, app: App) -> None:
    """Let the requests of a paused app go on, those that wait at once."""
    hold.resume(context.platform, app.name, context.console, actor=context.caller.name)


@command("ps:freeze", Permission.WRITE)
@app_argument
@process_argument
def freeze(context: Context, app: App, process: str | None) -> None:
    """Stop an app's processes where they are, with all they have in memory, until ps:thaw.

    They use no processor and answer nobody: requests wait, with ps:pause in the proxy.
    PROCESS is a type (web), one of its instances (web.1) or a container id; all by default.
    """
    freezing.freeze(context.platform, app.name, process, context.console, actor=context.caller.name)


@command("ps:thaw", Permission.WRITE)
@app_argument
@process_argument
def thaw(context: Context, app: App, process: str | None) -> None:
    """Let frozen processes go on where they were."""
    freezing.thaw(context.platform, app.name, process, context.console, actor=context.caller.name)


@command("ps:rebuild", Permission.WRITE)
@optional_app
@all_option
@parallel_option
def rebuild(context: Context, app: App | None, every: bool, parallel: int) -> None:
    """Build the commit of the branch that deploys again, and deploy the result."""
    on_each(context, app, every=every, parallel=parallel, action=build_again)


def build_again(context: Context, app: App) -> None:
    platform = context.platform
    current = platform.store.releases.current(app)
    if current and current.image.config and current.image.config.source:
        git_images.deploy_again(context, app)
        return
    branch, commit = pushed(platform, app) or (None, pipeline.deployed(platform, app).image.commit)
    branch = branch or receive.deploy_branches(platform, app.name)[0]
    push = Push(app.name, branch, commit, commit)
    pipeline.push(platform, push, context.console, context.caller.name)


def pushed(platform: Platform, app: App) -> tuple[str, str] | None:
    """The branch that deploys and its commit, which may be ahead of what was deployed."""
    branches = platform.repositories.branches(app.name)
    wanted = receive.deploy_branches(platform, app.name)
    return next(((one, branches[one]) for one in wanted if one in branches), None)


@command("ps:inspect", Permission.READ)
@app_argument
@click.option("--format", "format_", type=click.Choice(["json"]), default="json",
              help="Always json.")  # fmt: skip
def inspect(context: Context, app: App, format_: str) -> None:  # noqa: ARG001
    """Show an app's containers in detail, as JSON without any secret."""
    context.console.json(
        [process_report.details(context.platform, one)
         for one in context.platform.engine.list(app.name)]
    )  # fmt: skip


def command_line(text: str) -> str:
    """One that is not empty."""
    if text.strip():
        return text.strip()
    raise UsageError("a command of spaces alone runs nothing")


def rollback_rule(text: str) -> str:
    """true, false, or a number of seconds."""
    return text if text in ("true", "false") else whole_number(1, 3600, "seconds")(text)


def publish(context: Context, app: App | None) -> None:
    """A paused app's requests wait by the new time at once."""
    platform = context.platform
    for one in [app] if app else platform.store.apps.list():
        if policies.held(platform, one):
            route.publish(platform, one)


def is_bare(key: str) -> bool:
    """Whether a key is shown without `Ps` before it, as in dokku: what is, and one property."""
    return key in STATES or key.startswith(OF_PROCESSES) or key.endswith("stop-timeout-seconds")


STATES = (
    *("deployed", "disk", "one-off", "paused", "processes", "release", "restore"),
    *("rolled-back", "running"),
)
OF_PROCESSES = ("status-", "last-exit-", "limits-")
report.register(
    report.Namespace(
        "ps",
        "ps",
        "each process's state, limits and release",
        process_report.values,
        properties=(
            report.Property(
                "restart-policy",
                "when a process that ended is started again: always, unless-stopped, "
                "on-failure, on-failure:10 (failures in a row) or no",
                lambda text: str(RestartPolicy.parse(text)),
                lambda _: str(RestartPolicy()),
            ),
            report.Property(
                "stop-timeout-seconds",
                "seconds between SIGTERM and SIGKILL",
                whole_number(0, 86400, "seconds"),
                lambda context: f"{context.platform.settings.stop_grace_s:g}",
            ),
            report.Property(
                "procfile-path",
                "the file that is read as Procfile, from the directory that is built",
                tree_path,
                lambda _: PROCFILE,
            ),
            report.Property(
                "skip-deploy",
                "true: what is pushed is built and taken, and not deployed, nor is a changed "
                "config; ps:rebuild deploys it once this is unset",
                one_of("true", "false"),
                lambda _: "false",
            ),
            report.Property(
                "start-cmd",
                "what web runs, in place of the command in the Procfile or of the image",
                command_line,
                has_global=False,
            ),
            report.Property(
                "dockerfile-start-cmd",
                "the same where a Dockerfile or an image was deployed, before start-cmd",
                command_line,
                has_global=False,
            ),
            report.Property(
                "auto-rollback",
                "whether a release that crashes right after its switch gives way to the last "
                "healthy one: true, false, or for how many seconds after",
                rollback_rule,
                lambda _: "true",
            ),
            report.Property(
                "pause-seconds",
                "how long requests wait while the app is paused",
                whole_number(1, 3600, "seconds"),
                lambda context: f"{context.platform.settings.hold_s:g}",
            ),
            report.Property(
                "priority",
                "apps of a higher one are started first after a reboot",
                whole_number(-1000, 1000, "priority"),
                lambda _: "0",
                has_global=False,
            ),
            report.Property(
                "start-after",
                "apps that are started first after a reboot, with commas between their names",
                lambda text: text,
                has_global=False,
                kept=lambda context, app, text: order.accepted(context.platform, app, text),
                shown=lambda context, text: order.names(context.platform, text),
            ),
        ),
        bare=is_bare,
        when_set=publish,
    )
)
