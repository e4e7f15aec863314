"""tags: images that an app keeps, under dokku's words: its own ones, named tags:NAME."""

from collections.abc import Iterator

import click

from paas.commands import git_images
from paas.commands.context import Context
from paas.commands.parameters import app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy.images import catalogue, sources
from paas.deploy.images.catalogue import Named
from paas.errors import PaasError, UsageError
from paas.model import moments, reference
from paas.model.app import App
from paas.model.limits import show_bytes

PREFIX = "tags:"


def tag_name(_: click.Context, __: click.Parameter, text: str) -> str:
    """The name of the image that a tag stands for."""
    if reference.parse(f"{PREFIX}{text}").tag != text:
        raise UsageError(f"{text[:80]!r} is no tag", "letters, digits, dots, dashes, such as v1.2")
    return f"{PREFIX}{text}"


tag_argument = click.argument("tag", callback=tag_name)


@command("tags:list", Permission.READ)
@app_argument
@format_option
def list_tags(context: Context, app: App, format_: str) -> None:
    """List the tags of an app's images; latest is what serves."""
    sizes = catalogue.Sizes(context.platform)
    found = list(tagged(context, app))
    if format_ == "json":
        context.console.json(
            [
                {
                    "tag": tag,
                    "image": named.image.id[:12],
                    "created_at": when,
                    "size_bytes": sizes.of(named).bytes,
                }
                for tag, named, when in found
            ]
        )
        return
    context.console.heading(f"Image tags for {app.name}")
    context.console.table(
        ("TAG", "IMAGE ID", "CREATED (UTC)", "SIZE"),
        [
            (tag, named.image.id[:12], when, show_bytes(sizes.of(named).bytes))
            for tag, named, when in found
        ],
    )


def tagged(context: Context, app: App) -> Iterator[tuple[str, Named, str]]:
    """Tag, image, and since when it has it."""
    release = context.platform.store.releases.current(app)
    if release:
        current = catalogue.of_app(context.platform, app, "")
        yield reference.LATEST, current, moments.second(release.created_at)
    for kept in context.platform.store.images.list():
        if kept.app_id == app.id and kept.name.startswith(PREFIX):
            tag = kept.name.removeprefix(PREFIX)
            yield tag, Named(kept.name, kept.image, app), moments.second(kept.created_at)


@command("tags:create", Permission.WRITE)
@app_argument
@tag_argument
def create(context: Context, app: App, tag: str) -> None:
    """Keep the image that serves now, under a tag, whatever is deployed later."""
    refuse_latest(tag)
    image = catalogue.of_app(context.platform, app, "").image
    context.platform.store.images.set(app, tag, image, context.caller.name)
    context.record("image", f"Tag as {tag}", app)
    context.console.heading(f"Added {tag.removeprefix(PREFIX)} tag to {app.name}")


@command("tags:deploy", Permission.WRITE)
@app_argument
@tag_argument
def deploy(context: Context, app: App, tag: str) -> None:
    """Deploy the image that has a tag."""
    if tag == f"{PREFIX}{reference.LATEST}":
        git_images.same_again(context, app)
        return
    existing(context, app, tag)
    git_images.deploy_named(context, app, tag)


@command("tags:destroy", Permission.WRITE)
@app_argument
@tag_argument
def destroy(context: Context, app: App, tag: str) -> None:
    """Forget a tag; disk that nobody else needs is freed."""
    refuse_latest(tag)
    existing(context, app, tag)
    context.platform.store.images.remove(app, tag)
    sources.free(context.platform)
    context.record("image", f"Remove {tag}", app)
    context.console.heading(f"Removed {tag.removeprefix(PREFIX)} tag from {app.name}")


def existing(context: Context, app: App, tag: str) -> None:
    if context.platform.store.images.get(app, tag) is None:
        words = tag.removeprefix(PREFIX)
        raise PaasError(f"{app.name} has no tag {words}", f"see paas tags {app.name}")


def refuse_latest(tag: str) -> None:
    if tag == f"{PREFIX}{reference.LATEST}":
        raise PaasError("latest is what serves, always", "choose another tag")
