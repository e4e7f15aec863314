"""git:from-image and git:load-image: apps deployed from images that are made already."""

import click

from paas.commands.context import Context
from paas.commands.images import host_path
from paas.commands.parameters import TEXT, app_argument
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.console import Console
from paas.deploy import pipeline
from paas.deploy.images import catalogue, elsewhere, importing, obtaining, registries, sources
from paas.errors import PaasError, UsageError
from paas.model import reference
from paas.model.app import App
from paas.model.app_json import AppManifest
from paas.model.release import Image
from paas.platform import Platform

STANDARD_INPUT = "-"


@command("git:from-image", Permission.WRITE)
@app_argument
@click.argument("image", type=TEXT)
@click.argument("author", type=TEXT, required=False)
@click.argument("email", type=TEXT, required=False)
def from_image(
    context: Context, app: App, image: str, author: str | None, email: str | None
) -> None:
    """Deploy an app from an image: of a registry, or one that is here already.

    IMAGE is a reference, such as registry.example.com/team/app:v2, a name of images:list,
    docker-archive:- or oci-archive:- for an archive on standard input, or, for root on the
    server, docker-archive:PATH, oci-archive:PATH or oci:DIRECTORY. AUTHOR and EMAIL say in
    the event who deployed it.
    """
    deploy_named(context, app, image, signature(author, email))


def deploy_named(context: Context, app: App, image: str, by: str = "") -> None:
    source = Source(context, image)
    deploy(context, app, source.words, source.obtain, by)
    kept = source.text if source.can_be_asked_again else None
    context.platform.store.properties.set(app, *elsewhere.SOURCE, kept)


@command("git:load-image", Permission.WRITE)
@app_argument
@click.argument("image", type=TEXT)
@click.argument("author", type=TEXT, required=False)
@click.argument("email", type=TEXT, required=False)
def load_image(
    context: Context, app: App, image: str, author: str | None, email: str | None
) -> None:
    """Deploy an app from what docker save writes, read from standard input.

    IMAGE says which image of the archive, where it holds several.
    """
    wanted = reference.parse(image)
    if context.console.is_terminal:
        raise UsageError("no image comes in", f"docker save {image} | ssh ... git:load-image ...")

    def obtain(chosen: App) -> tuple[Image, AppManifest]:
        origin = importing.archive(str(wanted), f"{wanted} by git:load-image")
        found = sources.from_input(context.platform, chosen, origin, context.console)
        return obtaining.for_app(context.platform, found, context.console)

    deploy(context, app, f"image {wanted}", obtain, signature(author, email))
    context.platform.store.properties.set(app, *elsewhere.SOURCE, None)


def signature(author: str | None, email: str | None) -> str:
    """Who deploys, as the caller says; "" when nothing is said."""
    return " ".join(filter(None, (author, f"<{email}>" if email else "")))


def deploy(
    context: Context,
    app: App,
    words: str,
    obtain: pipeline.Obtain,
    by: str = "",
    *,
    again: bool = False,
) -> None:
    pipeline.deploy_image(
        context.platform,
        app.name,
        obtain,
        f"{words} for {by}" if by else words,
        context.console,
        context.caller.name,
        again=again or context.force,
    )


class Source:
    """What git:from-image was asked to deploy."""

    def __init__(self, context: Context, text: str) -> None:
        self.context = context
        self.text = text
        kind, colon, self._rest = text.partition(":")
        self.kind = kind if kind in sources.PATHS and colon else ""
        if not self.kind:
            reference.parse(text)

    @property
    def words(self) -> str:
        return f"image {self.text}"

    @property
    def can_be_asked_again(self) -> bool:
        """Whether the same words give an image later on too."""
        return not self.kind

    def obtain(self, app: App) -> tuple[Image, AppManifest]:
        platform, console = self.context.platform, self.context.console
        return obtaining.for_app(platform, self._image(app), console)

    def _image(self, app: App) -> Image:
        platform, console = self.context.platform, self.context.console
        if not self.kind:
            return of_reference(platform, app, self.text, console, self.context.caller.name)
        if self._rest == STANDARD_INPUT:
            origin = importing.archive(words=f"{self.kind} on standard input")
            return sources.from_input(platform, app, origin, console)
        path, _, name = self._rest.partition(":")
        return sources.from_path(
            platform, app, self.kind, host_path(self.context, path), name, console
        )


def of_reference(platform: Platform, app: App, text: str, console: Console, actor: str) -> Image:
    """An image with a name of ours, else the registry's newest, else the one pulled before."""
    wanted = reference.parse(text).tagged
    found = catalogue.find(platform, app, text)
    if found is not None and (not wanted.domain and found.name != str(wanted.remote)):
        console.step(f"Using {found.name}, which is here")
        return found.image
    try:
        return registries.pull(platform, app, text, console, actor).image
    except PaasError as error:
        if found is None:
            raise
        console.check_cancelled()
        console.warn(f"{error.message}; deploying {found.name} as it was pulled before")
        return found.image


def deploy_again(context: Context, app: App) -> None:
    """Deploy what git:from-image deployed, as it is now; what cannot be asked again stays."""
    pipeline.deployed(context.platform, app)
    text = context.platform.store.properties.get(app, *elsewhere.SOURCE)
    if text is None:
        same_again(context, app)
        return
    source = Source(context, text)
    deploy(context, app, source.words, source.obtain, again=True)


def same_again(context: Context, app: App) -> None:
    """Deploy the very image that serves."""
    current = pipeline.deployed(context.platform, app)

    def obtain(_: App) -> tuple[Image, AppManifest]:
        return obtaining.for_app(context.platform, current.image, context.console)

    deploy(context, app, "the same image again", obtain, again=True)
