"""docker-options: what builds and containers get beside the defaults, in Docker's words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click

from paas.commands import docker_mounts, process_report, report
from paas.commands.context import Context
from paas.commands.parameters import PROCESS_TYPE, Checked, app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.errors import PaasError, UsageError
from paas.model import docker_options
from paas.model.app import App
from paas.model.docker_mounts import Wish
from paas.model.docker_options import BUILD, DEPLOY, PHASES


def phases(text: str) -> tuple[str, ...]:
    """`build` or `deploy,run`."""
    found = tuple(text.split(","))
    for one in found:
        if one not in PHASES:
            raise UsageError(f"{one[:80]!r} is not a phase", f"phases: {', '.join(PHASES)}")
    return found


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of the options that there are, and what is done with mounts."""

    options: Callable[[list[str], list[str]], list[str]]
    mounts: Callable[[Context, App, str, str, Sequence[Wish]], None]


PHASE_LIST = Checked("phases", phases)
process_option = click.option(
    "--process", "processes", type=PROCESS_TYPE, multiple=True,
    help="Only for this process type; in the phase deploy.",
)  # fmt: skip
option_argument = click.argument("options", type=click.UNPROCESSED, nargs=-1, metavar="OPTION...")


@command("docker-options:add", Permission.WRITE, passthrough=True)
@process_option
@app_argument
@click.argument("phase", type=PHASE_LIST)
@option_argument
def add(
    context: Context,
    app: App,
    phase: Sequence[str],
    options: Sequence[str],
    processes: Sequence[str],
) -> None:
    """Add options, such as --ulimit nofile=1024, for the phases build, deploy or run.

    Containers take them when they next start. Not every option of Docker's means something
    here; one that does not is refused by name, with the reason and what does it instead.
    -v and --mount are what storage:mount does, with the same rules.
    """
    change(context, app, phase, processes, options, Change(added, docker_mounts.put))


def added(have: list[str], wanted: list[str]) -> list[str]:
    return [*have, *(one for one in wanted if one not in have)]


@command("docker-options:remove", Permission.WRITE, passthrough=True)
@process_option
@app_argument
@click.argument("phase", type=PHASE_LIST)
@option_argument
def remove(
    context: Context,
    app: App,
    phase: Sequence[str],
    options: Sequence[str],
    processes: Sequence[str],
) -> None:
    """Remove options that were added."""
    change(context, app, phase, processes, options, Change(removed, docker_mounts.take))


def removed(have: list[str], wanted: list[str]) -> list[str]:
    missing = [one for one in wanted if one not in have]
    if missing:
        raise PaasError(f"{missing[0].partition(' ')[0]} is not set so", "see docker-options:list")
    return [one for one in have if one not in wanted]


def change(
    context: Context,
    app: App,
    phase: Sequence[str],
    processes: Sequence[str],
    words: Sequence[str],
    made: Change,
) -> None:
    """Change the options of some phases, of all of them or of none."""
    store = context.platform.store.docker_options
    words, named = without_processes(words)
    processes = (*processes, *named)
    wanted = {one: docker_options.apart(one, words) for one in phase}
    with context.platform.store.together():
        for one, (options, mounts) in wanted.items():
            for process in scopes(one, processes):
                have = list(store.list(app, one, process))
                store.set(app, one, made.options(have, options), process)
                made.mounts(context, app, one, process, mounts)
    options, mounts = next(iter(wanted.values()))
    names = ", ".join(
        [*(one.partition(" ")[0] for one in options), *(f"mount of {one.name}" for one in mounts)]
    )
    context.record("docker-options", f"Change {names} of {', '.join(phase)}", app)
    warn_of_unknown(context, app, processes)
    context.console.step(f"Changed the docker options of {app.name}: {', '.join(phase)}")
    if phase != (BUILD,):
        context.console.detail(
            f"Containers take it when they next start: paas ps:restart {app.name}"
        )


def without_processes(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options, and the process types that are named behind them, as dokku takes them too."""
    rest, named = [], []
    given = iter(words)
    for word in given:
        flag, equals, value = word.partition("=")
        if flag == "--process":
            named.append(PROCESS_TYPE.rule(value if equals else next(given, "")))
        else:
            rest.append(word)
    return rest, named


def warn_of_unknown(context: Context, app: App, processes: Sequence[str]) -> None:
    """Options may come before the process type they are for; a misspelled one is told."""
    known = process_report.scale_of(context.platform, app)
    for one in processes:
        if one not in known:
            context.console.warn(f"{app.name} has no process type {one} yet")


def scopes(phase: str, processes: Sequence[str]) -> Sequence[str]:
    """The process types that are meant; "" for all."""
    if processes and phase != DEPLOY:
        raise UsageError(f"--process has no meaning in the phase {phase}")
    return processes or ("",)


@command("docker-options:clear", Permission.WRITE)
@process_option
@app_argument
@click.argument("phase", type=PHASE_LIST, required=False)
def clear(
    context: Context, app: App, phase: Sequence[str] | None, processes: Sequence[str]
) -> None:
    """Remove every option, of all phases or of some."""
    if processes and not phase:
        raise UsageError(
            "--process needs the phase", f"paas docker-options:clear {app.name} deploy"
        )
    with context.platform.store.together():
        for one in phase or PHASES:
            for process in scopes(one, processes):
                context.platform.store.docker_options.set(app, one, (), process)
    for words in [f"phase {one}" for one in phase or ()] or ["all phases"]:
        context.console.step(f"Clearing docker-options for {app.name} on {words}")
    context.record("docker-options", f"Clear {', '.join(phase or PHASES)}", app)
    if context.platform.store.volumes.mounts(app):
        context.console.detail(f"Mounts stay: paas storage:mounts:clear {app.name} ends them")


@command("docker-options:list", Permission.SECRETS)
@app_argument
@click.option("--phase", type=click.Choice(PHASES), required=True, help="The phase.")
@click.option("--process", type=PROCESS_TYPE, help="Of this process type.")
@format_option
def list_options(context: Context, app: App, phase: str, process: str | None, format_: str) -> None:
    """List the options of one phase, one a line."""
    found = options_of(context, app, phase, process or "")
    if format_ == "json":
        context.console.json(found)
        return
    for one in found:
        context.console.line(one)


def values(context: Context, app: App | None) -> dict[str, str]:
    """The options of each phase, and of each process type that has its own."""
    if app is None:
        return {}
    rows = {one: " ".join(options_of(context, app, one)) for one in PHASES}
    for one in PHASES:
        own = context.platform.store.docker_options.processes(app, one)
        for process in sorted({*own, *docker_mounts.processes(context, app, one)}):
            rows[f"{one}.{process}"] = " ".join(options_of(context, app, one, process))
    return rows


def options_of(context: Context, app: App, phase: str, process: str = "") -> list[str]:
    """The options of a phase, and the app's mounts in it as options."""
    kept = context.platform.store.docker_options.list(app, phase, process)
    return [*kept, *docker_mounts.listed(context, app, phase, process)]


report.register(
    report.Namespace(
        "docker-options",
        "docker-options",
        "what builds and containers get beside the defaults",
        values,
        permission=Permission.SECRETS,
    )
)
