"""buildpacks: which ones build an app, where detection should not choose."""

import re

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import app_argument, format_option, printable
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy.workshop import BUILDPACKS
from paas.errors import PaasError, UsageError
from paas.model.app import App

index_option = click.option(
    "--index", type=click.IntRange(1, 99), help="Its place in the order, beginning with 1."
)
MOST = 20


def known() -> list[str]:
    """The buildpacks that are there, by name."""
    return sorted(path.parent.parent.name for path in BUILDPACKS.glob("*/bin/detect"))


def buildpack_name(text: str) -> str:
    """`python`, also when written heroku/python or as the URL of Heroku's repository."""
    printable(text, "a buildpack")
    match = re.fullmatch(
        r"(?:https://github\.com/)?(?:heroku/)?(?:heroku-buildpack-)?([a-z0-9-]+)(?:\.git)?", text
    )
    name = match[1] if match else text
    if name not in known():
        raise PaasError(
            f"there is no buildpack {text[:120]!r} here", f"there are: {', '.join(known())}"
        )
    return name


@command("buildpacks:add", Permission.WRITE)
@app_argument
@click.argument("buildpack")
@index_option
def add(context: Context, app: App, buildpack: str, index: int | None) -> None:
    """Add a buildpack after the others, or at a place."""
    name = buildpack_name(buildpack)
    chosen = context.platform.store.buildpacks.list(app)
    if name in chosen:
        raise PaasError(f"{name} is a buildpack of {app.name} already")
    if len(chosen) >= MOST:
        raise PaasError(f"{app.name} has {MOST} buildpacks already")
    chosen.insert(index - 1 if index else len(chosen), name)
    save(context, app, chosen)


@command("buildpacks:set", Permission.WRITE)
@app_argument
@click.argument("buildpack")
@index_option
def set_buildpack(context: Context, app: App, buildpack: str, index: int | None) -> None:
    """Put a buildpack in the place of another, the first by default."""
    name = buildpack_name(buildpack)
    chosen = context.platform.store.buildpacks.list(app)
    place = (index or 1) - 1
    if name in chosen[:place] + chosen[place + 1 :]:
        raise PaasError(f"{name} is a buildpack of {app.name} already")
    chosen[place : place + 1] = [name]
    save(context, app, chosen)


@command("buildpacks:remove", Permission.WRITE)
@app_argument
@click.argument("buildpack", required=False)
@index_option
def remove(context: Context, app: App, buildpack: str | None, index: int | None) -> None:
    """Remove a buildpack by its name or its place."""
    if (buildpack is None) == (index is None):
        raise UsageError("give a buildpack's name or its --index")
    chosen = context.platform.store.buildpacks.list(app)
    doomed = chosen[index - 1 : index] if index else [buildpack_name(buildpack or "")]
    if not doomed or doomed[0] not in chosen:
        raise PaasError(
            f"{app.name} has no buildpack {buildpack or f'number {index}'}",
            f"see paas buildpacks:list {app.name}",
        )
    save(context, app, [one for one in chosen if one not in doomed])


@command("buildpacks:clear", Permission.WRITE)
@app_argument
def clear(context: Context, app: App) -> None:
    """Let detection choose again."""
    save(context, app, [])


@command("buildpacks:list", Permission.READ)
@app_argument
@format_option
def list_buildpacks(context: Context, app: App, format_: str) -> None:
    """List the buildpacks that were chosen for an app; none: they are detected."""
    chosen = context.platform.store.buildpacks.list(app)
    if format_ == "json":
        context.console.json(chosen)
        return
    context.console.step(f"{app.name} buildpack urls")
    for name in chosen:
        context.console.line(f"       {name}")


def save(context: Context, app: App, chosen: list[str]) -> None:
    context.platform.store.buildpacks.set(app, chosen)
    context.record("buildpacks", ", ".join(chosen) or "what is detected", app)
    context.console.step(f"{app.name} is built with: {', '.join(chosen) or 'what is detected'}")
    context.console.detail("The next push takes it")


def values(context: Context, app: App | None) -> dict[str, str]:
    platform = context.platform
    if app is None:
        return {"available": ",".join(known()), "computed-stack": platform.settings.stack_suite}
    release = platform.store.releases.current(app)
    return {
        "list": ",".join(platform.store.buildpacks.list(app)),
        "detected": ",".join(release.image.buildpacks) if release else "",
        "available": ",".join(known()),
        "computed-stack": platform.settings.stack_suite,
    }


report.register(report.Namespace("buildpacks", "buildpacks", "what builds apps", values))
