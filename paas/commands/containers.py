"""containers: what runs, what it has written, and making an image of it."""

from collections import Counter

import click

from paas.commands import images, process_report
from paas.commands.context import Context
from paas.commands.parameters import APP, CONTAINER_NAMED, TEXT, app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import ends, oneoff
from paas.deploy.images import committing
from paas.errors import PaasError
from paas.image.changes import Kind
from paas.model import moments
from paas.model.app import App
from paas.model.container import Container
from paas.model.limits import show_bytes
from paas.model.release import Image

container_argument = click.argument("container", type=CONTAINER_NAMED, required=False)


@command("containers:list", Permission.READ)
@click.argument("app", type=APP, required=False)
@format_option
def list_containers(context: Context, app: App | None, format_: str) -> None:
    """List containers, of every app or of one: processes, one-off runs, those being replaced."""
    found = context.platform.engine.list(app.name if app else None)
    if format_ == "json":
        context.console.json([process_report.details(context.platform, one) for one in found])
        return
    context.console.heading(f"{app.name} containers" if app else "Containers")
    if found:
        context.console.table(
            ("NAME", "APP", "ID", "KIND", "RELEASE", "STATE", "STARTED (UTC)", "MEMORY"),
            [row(context, one) for one in found],
        )


def row(context: Context, one: Container) -> tuple[str, ...]:
    spec = one.spec
    memory = context.platform.engine.usage(one.id).memory_bytes if one.running else 0
    return (
        spec.hostname,
        spec.app,
        one.id,
        spec.kind.value,
        f"v{spec.release}" if spec.release else "-",
        state(context, one),
        moments.second(one.started_at),
        show_bytes(memory) if one.running else "-",
    )


def state(context: Context, one: Container) -> str:
    if not one.running:
        return ends.describe(one)
    return "frozen" if process_report.is_frozen(context.platform, one) else "running"


@command("containers:diff", Permission.SECRETS)
@app_argument
@container_argument
@format_option
def diff(context: Context, app: App, container: str | None, format_: str) -> None:
    """Show which paths a container has added (A), changed (C) and deleted (D).

    CONTAINER is web.1, a process type or an id; web by default. What is in memory (/tmp,
    /dev/shm) and in mounted storage is no part of it.
    """
    chosen = running(context, app, container)
    found = committing.diff(context.platform, chosen)
    if format_ == "json":
        context.console.json(
            [{"kind": one.kind.value, "path": one.path, "bytes": one.bytes} for one in found]
        )
        return
    for one in found:
        context.console.line(f"{one.kind} {printable(one.path)}")
    counts = Counter(one.kind for one in found)
    total = show_bytes(sum(one.bytes for one in found))
    context.console.detail(
        f"{chosen.spec.hostname}: {counts[Kind.ADDED]} added, {counts[Kind.CHANGED]} changed, "
        f"{counts[Kind.DELETED]} deleted; {total}"
    )


def printable(path: str) -> str:
    """A name that an app made, without anything that drives a terminal."""
    return "".join(one if one.isprintable() else "?" for one in path)


@command("containers:commit", Permission.ADMIN)
@app_argument
@click.argument("container", type=CONTAINER_NAMED)
@click.argument("name", type=TEXT)
@click.option("--private-to", type=APP, help="Only this app may see it.")
def commit(context: Context, app: App, container: str, name: str, private_to: App | None) -> None:
    """Make an image of a running container, with what it has written, under a name.

    The name serves git:from-image, FROM in a Dockerfile, and as a stack:
    buildpacks:set-property APP stack NAME.
    """
    wanted = images.own_name(name)
    chosen = running(context, app, container)
    with context.platform.layers.leased():
        made = committing.commit(
            context.platform, app, chosen, image_of(context, app, chosen), context.console
        )
        images.keep(
            context, wanted, made, f"Commit {chosen.spec.hostname} of {app.name}", private_to
        )


def running(context: Context, app: App, wanted: str | None) -> Container:
    found = [one for one in context.platform.engine.list(app.name) if one.running]
    return oneoff.find(found, app.name, wanted or "web")


def image_of(context: Context, app: App, container: Container) -> Image:
    """The image a container was started from."""
    for release in context.platform.store.releases.list(app):
        if release.version == container.spec.release:
            return release.image
    raise PaasError(
        f"the release of {container.spec.hostname} is not kept any more", "restart it first"
    )
