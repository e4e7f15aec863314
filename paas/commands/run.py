"""run and enter: one-off commands in an app's image, and going into running containers."""

from collections.abc import Sequence

import click

from paas.commands import logs
from paas.commands.context import Context
from paas.commands.parameters import ASSIGNMENT, CONTAINER_NAMED, app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import oneoff
from paas.errors import UsageError
from paas.model.app import App
from paas.model.container import Container

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


def command_line(words: Sequence[str], *, required: bool = True) -> list[str]:
    """The words behind an optional `--`."""
    line = [*words][1:] if words[:1] == ("--",) else [*words]
    if required and not line:
        raise UsageError("give a command to run", "for example: paas run blog -- python3 -V")
    return line


@command("run", Permission.SECRETS, passthrough=True)
@environment_option
@click.option("--no-tty", is_flag=True, help="No terminal, even when you have one.")
@ttl_option
@app_argument
@command_argument
def run(
    context: Context,
    app: App,
    words: Sequence[str],
    environment: Sequence[tuple[str, str]],
    no_tty: bool,
    ttl_seconds: int | None,
) -> int:
    """Run a command in a new container of the current release; its exit code is yours."""
    return oneoff.run(
        context.platform,
        app.name,
        command_line(words),
        context.console,
        dict(environment),
        tty=False if no_tty else None,
        ttl_s=ttl_seconds,
    )


@command("run:detached", Permission.SECRETS, passthrough=True)
@environment_option
@click.option("--no-tty", is_flag=True, expose_value=False, hidden=True)
@ttl_option
@app_argument
@command_argument
def detached(
    context: Context,
    app: App,
    words: Sequence[str],
    environment: Sequence[tuple[str, str]],
    ttl_seconds: int | None,
) -> None:
    """Start a command in the background and print its container's name, such as run.1."""
    name = oneoff.detach(
        context.platform,
        app.name,
        command_line(words),
        context.console,
        dict(environment),
        ttl_s=ttl_seconds,
    )
    context.console.line(name)


@command("run:list", Permission.READ)
@app_argument
@format_option
def list_runs(context: Context, app: App, format_: str) -> None:
    """List an app's one-off containers."""
    found = oneoff.list_containers(context.platform, app)
    if format_ == "json":
        context.console.json([described(one) for one in found])
        return
    rows = [
        (one.spec.hostname, one.id, f"v{one.spec.release}", state(one),
         f"{one.started_at:%Y-%m-%d %H:%M:%S}")
        for one in found
    ]  # fmt: skip
    context.console.heading(f"{app.name} run containers")
    context.console.table(("NAME", "CID", "RELEASE", "STATE", "STARTED (UTC)"), rows)


def described(container: Container) -> dict[str, str]:
    """A one-off container for programs; its command line may hold secrets and is left out."""
    return {
        "name": container.spec.hostname,
        "container_id": container.id,
        "release": f"v{container.spec.release}",
        "state": state(container),
        "started_at": f"{container.started_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def state(container: Container) -> str:
    return "running" if container.exit is None else container.exit.reason


@command("run:logs", Permission.READ)
@app_argument
@click.argument("container", type=CONTAINER_NAMED, required=False)
@logs.tail_option
@logs.number_option
@logs.quiet_option
def run_logs(
    context: Context, app: App, container: str | None, tail: bool, number: int | None, raw: bool
) -> None:
    """Show what one-off containers said, one of them or all."""
    logs.show(context, app, logs.Wish(container or "run", number, None, tail, raw, as_json=False))


@command("run:stop", Permission.WRITE)
@app_argument
@click.argument("container", type=CONTAINER_NAMED)
def stop(context: Context, app: App, container: str) -> None:
    """End a one-off container."""
    oneoff.stop(context.platform, app.name, container)
    context.console.step(f"Stopped {container} of {app.name}")


@command("enter", Permission.SECRETS, passthrough=True)
@click.option("--container-id", type=CONTAINER_NAMED, help="The container, by its id.")
@app_argument
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[PROCESS [COMMAND...]]")
def enter(context: Context, app: App, words: Sequence[str], container_id: str | None) -> int:
    """Go into a running container: a shell, or a command. PROCESS is web, web.1 or an id."""
    wanted = container_id
    rest = [*words]
    if wanted is None and rest and rest[0] != "--":
        wanted = CONTAINER_NAMED.rule(rest.pop(0))
    line = command_line(tuple(rest), required=False)
    return oneoff.enter(context.platform, app.name, wanted, line, context.console)
