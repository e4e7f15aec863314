"""help and version: what exists, and which paas this is."""

from collections.abc import Iterable
from itertools import groupby

import click

from paas.commands import document, plugin_commands
from paas.commands.context import Context
from paas.commands.parameters import TEXT, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import Command, command, registry
from paas.errors import PaasError
from paas.platform import Platform
from paas.version import VERSION

NAMESPACES = {
    "app-json": "Where app.json is",
    "apps": "Create, list, rename, lock and destroy apps",
    "backup": "The whole platform in one archive, now or by a schedule",
    "builder": "What builds an app, and from which directory",
    "builder-dockerfile": "Where Dockerfiles are",
    "builds": "Deploys, those under way too: what they said, and ending them",
    "builder-pack": "Cloud Native Buildpacks: what builds an app with them",
    "buildpacks": "Choose what builds an app",
    "certs": "Certificates that apps show",
    "cleanup": "Free space, under dokku's name",
    "checks": "How a new version is judged healthy",
    "config": "Environment variables of apps and of the instance",
    "containers": "What runs, what it has written, and making images of it",
    "cp": "Copy files between containers and you",
    "cron": "What app.json has run at times",
    "deploy": "Deploy a directory, no git needed",
    "disk": "How much room there is, and who takes how much",
    "docker-options": "What builds and containers get beside the defaults",
    "doctor": "Whether this machine has everything it needs",
    "domains": "Names that lead to apps",
    "enter": "Go into a running container",
    "events": "What was changed, when, by whom, and how it went",
    "gc": "Free space, and what is kept for how long",
    "git": "What a push does, and other ways in",
    "help": "Show what exists",
    "http-auth": "A password before an app",
    "images": "Every image there is, and carrying them in and out",
    "letsencrypt": "Certificates that are issued and renewed by themselves",
    "logs": "What apps say",
    "maintenance": "A page in place of an app",
    "mirrors": "Where builds get packages from",
    "nginx": "How the proxy treats an app, and what it logged",
    "network": "Networks that apps share, and names on them",
    "plugin": "Other people's additions: install, update, enable, disable",
    "ports": "Which ports of the server lead to which ports of an app",
    "proxy": "Whether requests reach an app",
    "ps": "Scale, start, stop and look at processes",
    "redirect": "Names that lead to other names",
    "registry": "Where releases are pushed to, and logins at registries",
    "releases": "Versions of an app, and going back to one",
    "report": "Every report at once",
    "repo": "An app's repository and build cache, made smaller",
    "resource": "Limits of memory, processors, processes and bandwidth",
    "restore": "A backup brought back onto an instance without apps",
    "run": "One-off commands in an app's image",
    "scheduler": "What starts containers",
    "scheduler-docker-local": "How containers are started",
    "shell": "Command after command over one connection",
    "stack": "What apps are built on: Debian, updated, and apps moved onto it",
    "ssh-keys": "Who may come in",
    "stats": "What containers take, live",
    "storage": "Volumes that outlive containers, and where apps have them mounted",
    "tags": "Images of an app that are kept under a name",
    "top": "What runs in an app's containers, live",
    "trace": "Whether the daemon tells all it does",
    "url": "The first address at which an app answers",
    "urls": "Every address at which an app answers",
    "version": "Show the version",
}


@command("help", Permission.PUBLIC)
@click.option("--all", "every", is_flag=True, help="Every command with its arguments.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["stdout", "text", "json", "markdown"]),
    default="stdout",
    help="json for programs; markdown is the page of docs/.",
)
@click.argument("name", type=TEXT, required=False)
def show_help(context: Context, every: bool, format_: str, name: str | None) -> None:
    """Show the namespaces, every command with --all, or the help of one command."""
    if format_ in ("json", "markdown"):
        chosen = chosen_by(name)
        if format_ == "json":
            context.console.json([described(one) for one in chosen])
        else:
            context.console.write(document.page(chosen, NAMESPACES).encode())
    elif name in registry and name and not registry[name].hidden:
        context.console.line(registry[name].help_text())
    elif name:
        context.console.line(namespace_help(context.platform, name.removesuffix(":help")))
    else:
        brought = plugin_commands.commands(context.platform).values()
        context.console.line(all_help(brought) if every else overview(brought))


@command("version", Permission.PUBLIC)
@format_option
def version(context: Context, format_: str) -> None:
    """Show the version of paas."""
    if format_ == "json":
        context.console.json({"version": VERSION})
    else:
        context.console.line(f"paas version {VERSION}")


def chosen_by(name: str | None) -> list[Command]:
    """The command or the namespace of that name; without one, all."""
    wanted = (name or "").removesuffix(":help")
    found = [one for one in listed() if wanted in ("", one.name, one.namespace)]
    if not found:
        raise PaasError(f"there is no command or namespace {wanted[:80]}", "see paas help")
    return found


def described(one: Command) -> dict[str, object]:
    """A command for programs: what a client needs to offer it."""
    return {
        "name": one.name,
        "usage": one.usage(),
        "permission": str(one.permission),
        "help": one.help,
        "options": {" ".join(option.opts): option.help for option in one.options},
    }


def listed(brought: Iterable[Command] = ()) -> list[Command]:
    """Every command that help shows, by name; brought: those of plugins."""
    every = (one for one in (*registry.values(), *brought) if not one.hidden)
    return sorted(every, key=lambda one: one.name)


def overview(brought: Iterable[Command] = ()) -> str:
    """The namespaces, a line each."""
    rows = [
        (namespace, NAMESPACES.get(namespace) or next(commands).summary)
        for namespace, commands in groupby(listed(brought), key=lambda one: one.namespace)
    ]
    return "\n".join(
        [
            "Usage: paas [--quiet] [--trace] [--force] [--app NAME] COMMAND [ARGUMENTS]",
            "",
            *columns(rows),
            "",
            "paas NAMESPACE:help lists its commands, paas help --all every one,",
            "and --help after a command explains it.",
        ]
    )


def all_help(brought: Iterable[Command] = ()) -> str:
    """Every command with its arguments and what it does."""
    return "\n".join(
        columns([(one.usage().removeprefix("paas "), one.summary) for one in listed(brought)])
    )


def namespace_help(platform: Platform, namespace: str, wanted: str = "") -> str:
    """The commands of a namespace, or the help of one of them."""
    brought = plugin_commands.commands(platform)
    name = f"{namespace}:{wanted}" if wanted else namespace
    exact = (registry.get(name) or brought.get(name)) if wanted or ":" in name else None
    if exact is not None and not exact.hidden:
        return exact.help_text()
    found = [one for one in listed(brought.values()) if one.namespace == namespace]
    if not found:
        raise PaasError(f"there is no command or namespace {namespace[:80]}", "see paas help")
    if len(found) == 1 and found[0].name == namespace:
        return found[0].help_text()
    rows = [(one.usage().removeprefix("paas "), one.summary) for one in found]
    return "\n".join([NAMESPACES.get(namespace, namespace), "", *columns(rows)])


def columns(rows: list[tuple[str, str]]) -> list[str]:
    """Two columns; a first cell that is too long stands on a line of its own."""
    width = min(48, max(len(first) for first, _ in rows))
    lines = []
    for first, second in rows:
        if len(first) > width:
            lines += [f"    {first}", f"    {' ' * width}  {second}"]
        else:
            lines.append(f"    {first.ljust(width)}  {second}")
    return lines
