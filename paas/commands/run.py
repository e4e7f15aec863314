"""run and enter: one-off commands in an app's image, and going into running containers."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from paas.commands import logs, report
from paas.commands.context import Context
from paas.commands.parameters import (
    APP,
    ASSIGNMENT,
    CONTAINER_NAMED,
    KEY_NAMED,
    app_argument,
    format_option,
    whole_number,
)
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import attending, entering, expiry, fleet, oneoff, terminals
from paas.deploy.oneoff import Order
from paas.engines.base import Guest
from paas.errors import PaasError, UsageError
from paas.model import moments
from paas.model.app import App
from paas.model.container import Container

TERMINAL = (24, 80)  # of those that nobody is on yet
command_argument = click.argument(
    "words", nargs=-1, type=click.UNPROCESSED, metavar="[--] COMMAND..."
)
environment_option = click.option(
    "-e", "--env", "environment", type=ASSIGNMENT, multiple=True, metavar="KEY=VALUE",
    help="A variable for this run; several may be given.",
)  # fmt: skip
ttl_option = click.option(
    "--ttl-seconds", type=click.IntRange(1, 30 * 86400), help="End it after this many seconds."
)
cron_option = click.option(
    "--cron-id", "job_id", type=KEY_NAMED, help="The job it is run for, for run:list."
)
container_option = click.option(
    "--container", "named", type=CONTAINER_NAMED, help="The container, by its name or id."
)
container_argument = click.argument("container", type=CONTAINER_NAMED, required=False)
some_app = click.argument("app", type=APP, required=False)


def command_line(words: Sequence[str], *, required: bool = True) -> tuple[str, ...]:
    """The words behind an optional `--`."""
    line = tuple(words[1:] if words[:1] == ("--",) else words)
    if required and not line:
        raise UsageError("give a command to run", "for example: paas run blog -- python3 -V")
    return line


@command("run", Permission.SECRETS, passthrough=True)
@environment_option
@click.option("--no-tty", is_flag=True, help="No terminal, even when you have one.")
@click.option("--force-tty", is_flag=True, help="A terminal, even when you have none.")
@ttl_option
@cron_option
@app_argument
@command_argument
def run(
    context: Context,
    app: App,
    words: Sequence[str],
    environment: Sequence[tuple[str, str]],
    no_tty: bool,
    force_tty: bool,
    ttl_seconds: int | None,
    job_id: str | None,
) -> int:
    """Run a command in a new container of the current release; its exit code is yours.

    COMMAND may begin with a process type, which stands for its command line. On a terminal it
    goes on when you are cut off or leave (Ctrl-P Ctrl-Q): paas run:attach comes back to it.
    """
    console = context.console
    if no_tty and force_tty:
        raise UsageError("give --no-tty or --force-tty, not both")
    on_terminal = (console.is_terminal or force_tty) and not no_tty
    order = Order(
        command_line(words), dict(environment), ttl_seconds, job_id=job_id or "",
        terminal=console.size() if on_terminal else None, interactive=on_terminal,
    )  # fmt: skip
    return attending.run(context.platform, app, order, console)


@command("run:detached", Permission.SECRETS, passthrough=True)
@environment_option
@click.option("--no-tty", is_flag=True, expose_value=False, hidden=True)
@click.option("--force-tty", is_flag=True, help="Give it a terminal, for run:attach.")
@ttl_option
@cron_option
@app_argument
@command_argument
def detached(
    context: Context,
    app: App,
    words: Sequence[str],
    environment: Sequence[tuple[str, str]],
    force_tty: bool,
    ttl_seconds: int | None,
    job_id: str | None,
) -> None:
    """Start a command in the background and print its container's name, such as run.1."""
    terminal = TERMINAL if force_tty else None
    order = Order(
        command_line(words), dict(environment), ttl_seconds, job_id=job_id or "", terminal=terminal,
        interactive=force_tty,
    )  # fmt: skip
    platform, console = context.platform, context.console
    console.line(oneoff.detach(platform, app, order, console, context.caller.name))


@command("run:list", Permission.READ)
@some_app
@format_option
def list_runs(context: Context, app: App | None, format_: str) -> None:
    """List one-off containers, and sessions in others, of an app or of all."""
    platform = context.platform
    found = oneoff.list_containers(platform, app) if app else oneoff.everywhere(platform)
    every = [*map(described, found), *map(described_session, entering.sessions(platform, app))]
    if format_ == "json":
        context.console.json(every)
        return
    rows = [
        (one["name"], one["app"], one["container_id"], one["release"], one["state"],
         one["started_at"].replace("T", " ").rstrip("Z"), one["cron_id"] or "-", presence(one))
        for one in every
    ]  # fmt: skip
    context.console.heading(f"{app.name} run containers" if app else "Run containers")
    headings = ("NAME", "APP", "CID", "RELEASE", "STATE", "STARTED (UTC)", "JOB", "TERMINAL")
    context.console.table(headings, rows)


def described(container: Container) -> dict[str, Any]:
    """A one-off container for programs; its command line may hold secrets and is left out."""
    return {
        "name": container.spec.hostname,
        "app": container.spec.app,
        "container_id": container.id,
        "container": container.spec.hostname,
        "release": f"v{container.spec.release}",
        "state": state(container),
        "started_at": moments.iso(container.started_at),
        "cron_id": container.spec.job_id,
        "ttl_seconds": container.spec.ttl_s,
        "terminal": container.spec.terminal is not None,
        "attended": terminals.is_attended(container.id),
    }


def described_session(guest: Guest) -> dict[str, Any]:
    """A session likewise; the container is the one that it is in."""
    return {
        **described(guest.container),
        "name": guest.name,
        "state": f"running in {guest.container.spec.hostname}",
        "started_at": moments.iso(guest.started_at),
        "cron_id": "",
        "ttl_seconds": None,
        "terminal": True,
        "attended": terminals.is_attended(entering.key_of(guest)),
    }


def presence(one: Mapping[str, Any]) -> str:
    """Whether somebody is on a terminal, in a word."""
    if not one["terminal"]:
        return "-"
    return "attended" if one["attended"] else "left"


def state(container: Container) -> str:
    return "running" if container.exit is None else container.exit.reason


@command("run:logs", Permission.READ)
@some_app
@container_argument
@container_option
@logs.tail_option
@logs.number_option
@logs.quiet_option
def run_logs(
    context: Context,
    app: App | None,
    container: str | None,
    named: str | None,
    tail: bool,
    number: int | None,
    raw: bool,
) -> None:
    """Show what one-off containers said, one of them or all of an app's."""
    wanted = named or container
    if app is None:
        app, found = anywhere(context, app, wanted)
        wanted = found.spec.hostname
    process = name_of(context, app, wanted) if wanted else oneoff.RUN
    logs.show(context, app, logs.Wish(process, number, None, tail, raw, as_json=False))


def name_of(context: Context, app: App, wanted: str) -> str:
    """The name by which a one-off container is in the log, also of one that has ended.

    PaasError for one that neither is there nor has said anything.
    """
    for one in oneoff.list_containers(context.platform, app):
        if wanted in (one.id, one.spec.hostname):
            return one.spec.hostname
    logs.refuse_unheard(context, app, wanted)
    return wanted


@command("run:stop", Permission.WRITE)
@some_app
@container_argument
@container_option
def stop(context: Context, app: App | None, container: str | None, named: str | None) -> None:
    """End a one-off container or a session, or all of an app's."""
    wanted = named or container
    platform = context.platform
    chosen: list[Container | Guest]
    if app is not None and wanted is None:
        chosen = [*oneoff.list_containers(platform, app), *entering.sessions(platform, app)]
    elif app is not None and (guest := entering.session(platform, app, wanted or "")):
        chosen = [guest]
    else:
        app, found = anywhere(context, app, wanted)
        chosen = [found]
    for one in chosen:
        stop_one(context, app, one)


def stop_one(context: Context, app: App, one: Container | Guest) -> None:
    why = f"stopped by {context.caller.name}"
    if isinstance(one, Container):
        name = one.spec.hostname
        oneoff.stop(context.platform, app, one, why)
    else:
        name = one.name
        entering.stop(one, why)
    context.record("run", f"Stop {name}", app)
    context.console.step(f"Stopped {name} of {app.name}")


@command("run:attach", Permission.SECRETS)
@app_argument
@click.argument("container", type=CONTAINER_NAMED)
def attach(context: Context, app: App, container: str) -> int:
    """Come back to a one-off container or a session: what it said last, then what it says now.

    Leave it with Ctrl-P Ctrl-Q where it has a terminal.
    """
    platform = context.platform
    if guest := entering.session(platform, app, container):
        return entering.attach(platform, guest, context.console)
    found = oneoff.list_containers(platform, app)
    chosen = oneoff.find([one for one in found if one.running], app.name, container)
    if oneoff.is_waited_for(chosen.id):
        raise PaasError(
            f"{container} ends with who waits for it: nobody else can be on it",
            "run it on a terminal (ssh -t), or with run:detached",
        )
    return attending.attach(platform, chosen, context.console)


def anywhere(context: Context, app: App | None, wanted: str | None) -> tuple[App, Container]:
    """A one-off container by its name in an app, or by its id wherever it is."""
    if wanted is None:
        raise UsageError("name an app or a container", "paas run:list shows them")
    platform = context.platform
    if app is not None:
        return app, oneoff.find(oneoff.list_containers(platform, app), app.name, wanted)
    for one in oneoff.everywhere(platform):
        owner = fleet.owner(platform, one)
        if one.id == wanted and owner is not None:
            return owner, one
    raise PaasError(f"there is no one-off container with the id {wanted}", "paas run:list")


@command("enter", Permission.SECRETS, passthrough=True)
@click.option("--container-id", type=CONTAINER_NAMED, help="The container, by its id.")
@app_argument
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[PROCESS [COMMAND...]]")
def enter(context: Context, app: App, words: Sequence[str], container_id: str | None) -> int:
    """Go into a running container: a shell, or a command. PROCESS is web, web.1 or an id.

    On a terminal it is a session (enter.1), which goes on when you are cut off or leave
    (Ctrl-P Ctrl-Q) until its container ends: paas run:attach comes back to it.
    """
    wanted = container_id
    rest = [*words]
    if wanted is None:
        wanted, rest = taken_id(rest)
    if wanted is None and rest and rest[0] != "--":
        wanted = CONTAINER_NAMED.rule(rest.pop(0))
    line = command_line(tuple(rest), required=False)
    return entering.enter(context.platform, app.name, wanted, line, context.console)


def taken_id(words: list[str]) -> tuple[str | None, list[str]]:
    """The container of a --container-id behind the app, where dokku has it, and the rest."""
    flag, equals, text = words[0].partition("=") if words else ("", "", "")
    if flag != "--container-id":
        return None, words
    given, rest = ([text], words[1:]) if equals else (words[1:2], words[2:])
    if not given:
        raise UsageError("--container-id needs the id of a container", "see paas ps:report APP")
    return CONTAINER_NAMED.rule(given[0]), rest


def values(context: Context, app: App | None) -> report.Values:
    if app is None:
        return {}
    found = oneoff.list_containers(context.platform, app)
    return {"running": str(sum(one.running for one in found))}


report.register(
    report.Namespace(
        "run", "run", "an app's one-off containers", values,
        (report.Property(
            oneoff.AT_ONCE[1], "how many one-off containers of an app may run at once",
            whole_number(0, 1000, "containers"),
            lambda context: str(context.platform.settings.runs_at_once),
        ),
        report.Property(
            expiry.IDLE[1], "how long a run or a session on a terminal goes on with nobody there",
            whole_number(1, 604800, "seconds"),
            lambda context: f"{context.platform.settings.unattended_s:g}",
        )),
    )
)  # fmt: skip
