"""images: every image there is, what is in it, and carrying them in and out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from paas.commands import image_view, report
from paas.commands.context import Context
from paas.commands.parameters import APP, FILE, TEXT, format_option, printable
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import materials
from paas.deploy.images import catalogue, exporting, importing, registries, sources
from paas.deploy.images.catalogue import Named
from paas.errors import PaasError, UsageError
from paas.model import moments, oci_export, reference
from paas.model.app import App
from paas.model.limits import show_bytes
from paas.model.names import app_name

FORMATS = ("archive", "oci")


@command("images:list", Permission.READ)
@click.argument("app", type=APP, required=False)
@format_option
def list_images(context: Context, app: App | None, format_: str) -> None:
    """List images, of every app and release and those with names of their own.

    Size is all disk that an image's layers take; own is what no other app or image has a
    part in.
    """
    platform = context.platform
    sizes, serving = catalogue.Sizes(platform), platform.store.releases.versions()
    found = catalogue.images_of(platform, app) if app else catalogue.all_images(platform)
    rows = [image_view.row(named, sizes, serving) for named in found]
    if format_ == "json":
        context.console.json(rows)
        return
    context.console.heading(f"{app.name} images" if app else "Images")
    if rows:
        context.console.table(
            ("IMAGE", "SIZE", "OWN", "LAYERS", "CREATED (UTC)", "FROM"),
            [image_view.cells(one) for one in rows],
        )


@command("images:inspect", Permission.READ)
@click.argument("image", type=TEXT)
@format_option
def inspect(context: Context, image: str, format_: str) -> None:
    """Show an image: how it is run, and what each step added. IMAGE is a name, APP or APP:v7."""
    named = catalogue.of_words(context.platform, image)
    values = image_view.details(context.platform, named)
    if format_ == "json":
        context.console.json(values)
    else:
        image_view.show(context.console, values)


@command("images:tag", Permission.ADMIN)
@click.argument("image", type=TEXT)
@click.argument("name", type=TEXT)
def tag(context: Context, image: str, name: str) -> None:
    """Give an image one more name. IMAGE is a name, APP or APP:v7."""
    named = catalogue.of_words(context.platform, image)
    keep(context, own_name(name), named.image, f"Tag {named.name}")


def own_name(text: str) -> str:
    """A name that an image may be given, with its tag."""
    wanted = reference.parse(text)
    if wanted.digest:
        raise UsageError("an image is given a name and a tag, not a digest")
    if not wanted.domain and wanted.path.startswith("paas/"):
        raise UsageError("names that begin with paas/ are the platform's own")
    return str(wanted.tagged)


def keep(context: Context, name: str, image: Any, words: str, app: App | None = None) -> None:
    context.platform.store.images.set(app, name, image, context.caller.name)
    context.record("image", f"{words} as {name}", app)
    context.console.heading(f"{name} is image {image.id[:12]}")


@command("images:remove", Permission.ADMIN)
@click.argument("images", type=TEXT, nargs=-1, required=True, metavar="IMAGE...")
@click.option("--private-to", type=APP, help="Of this app's own images.")
def remove(context: Context, images: Sequence[str], private_to: App | None) -> None:
    """Forget names of images; disk that nobody else needs is freed."""
    wanted = [named_only(context, one, private_to) for one in images]
    for name in wanted:
        context.platform.store.images.remove(private_to, name)
        context.record("image", f"Remove {name}", private_to)
        context.console.step(f"Removed {name}")
    sources.free(context.platform)


def named_only(context: Context, text: str, app: App | None) -> str:
    """The name as it is kept, or PaasError: releases go with their apps."""
    wanted = reference.parse(text).tagged
    for name in (str(wanted), str(wanted.remote)):
        if context.platform.store.images.get(app, name) is not None:
            return name
    if not wanted.domain and wanted.path.startswith("paas/"):
        raise PaasError(f"{wanted} is the platform's own", "releases go as newer ones come")
    raise PaasError(f"there is no image {wanted}", "see paas images:list")


@command("images:export", Permission.SECRETS)
@click.argument("image", type=TEXT)
@click.option("--output", type=FILE, help="A new file or directory of the server, for root alone.")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="archive",
    help="archive, for docker load, podman, skopeo and images:import; oci, a layout in a "
    "directory (with --output).",
)  # fmt: skip
@click.option(
    "--with-sbom", "documented", is_flag=True,
    help="A release's bill of materials and its provenance go with it, as documents that refer "
    "to the image.",
)  # fmt: skip
def export(
    context: Context, image: str, output: str | None, format_: str, documented: bool
) -> None:
    """Write an image to standard output, as docker save would. IMAGE is a name, APP or APP:v7."""
    named = catalogue.of_words(context.platform, image)
    if format_ == "oci" and output is None:
        raise UsageError("a layout is a directory", "name it: --output DIRECTORY")
    if output is None and context.console.is_terminal:
        raise UsageError("an archive is nothing to read", "redirect it: ... > image.tar")
    target = host_path(context, output) if output else None
    created = moments.iso(named.release.created_at) if named.release else oci_export.EPOCH
    name = export_name(named.name)
    context.record("image", f"Export {named.name}", named.app)
    attach = attached(context, named) if documented else oci_export.nothing
    with exporting.laid_out(
        context.platform, named.image, name, created=created, attach=attach
    ) as layout:
        if target is None:
            exporting.write_archive(layout, context.console.write)
            context.console.check_cancelled()
        elif format_ == "oci":
            exporting.copy_layout(layout, target)
        else:
            exporting.write_file(layout, target)
    if target is not None:
        context.console.heading(f"{named.name} is in {target}")


def attached(context: Context, named: Named) -> oci_export.Attach:
    """A release's documents; PaasError for an image that is none."""
    if named.app is None or named.release is None:
        raise PaasError(
            f"{named.name} is no release of an app: how it came to be is not known",
            "export it without --with-sbom",
        )
    return materials.documents(context.platform, named.app, named.release, context.console)


def export_name(name: str) -> str:
    """`paas/app/blog:v7` is `blog:v7` elsewhere."""
    return name.removeprefix(catalogue.APP_PREFIX)


def host_path(context: Context, text: str) -> Path:
    """A path of the server, which only root at the server may name."""
    if not context.local:
        raise UsageError(
            "only root on the server may name files there", "use standard input or output"
        )
    path = Path(printable(text, "a path"))
    if not path.is_absolute():
        raise UsageError(f"{text[:120]} is not an absolute path")
    return path


@command("images:import", Permission.ADMIN)
@click.argument("name", type=TEXT)
@click.argument("source", type=TEXT, required=False)
@click.option("--private-to", type=APP, help="Only this app may see it.")
def import_(context: Context, name: str, source: str | None, private_to: App | None) -> None:
    """Take an image in under a name: from standard input, a registry, or a path of the server.

    SOURCE is docker://registry/image:tag; for root on the server also docker-archive:PATH,
    oci-archive:PATH or oci:DIRECTORY. Without it, what docker save writes is read from
    standard input.
    """
    wanted = own_name(name)
    with context.platform.layers.leased():
        image = taken(context, private_to, source)
        keep(context, wanted, image, f"Import {image.config.source}", private_to)


def taken(context: Context, app: App | None, source: str | None) -> Any:
    """The image from wherever it comes."""
    platform, console = context.platform, context.console
    if source is None:
        if console.is_terminal:
            raise UsageError("no image comes in", "pipe one: docker save IMAGE | ...")
        return sources.from_input(platform, app, importing.archive(), console)
    kind, colon, rest = source.partition(":")
    if kind in sources.PATHS and colon:
        path, _, name = rest.partition(":")
        return sources.from_path(platform, app, kind, host_path(context, path), name, console)
    text = source.removeprefix("docker://")
    return registries.fetch(platform, app, text, console)


def shared_with(text: str) -> str:
    """App names, parted by commas, or * for all."""
    if text == catalogue.EVERYBODY:
        return text
    return ",".join(app_name(one.strip()) for one in text.split(","))


def values(context: Context, app: App | None) -> dict[str, str]:
    """What an app runs, and what all images come to."""
    if app is None:
        return {"count": str(sum(1 for _ in catalogue.all_images(context.platform)))}
    sizes = catalogue.Sizes(context.platform)
    current = context.platform.store.releases.current(app)
    if current is None:
        return {"current": "", "size": "", "own-size": ""}
    named = catalogue.of_app(context.platform, app, "")
    size = sizes.of(named)
    return {
        "current": named.name,
        "size": show_bytes(size.bytes),
        "own-size": show_bytes(size.own_bytes),
    }


report.register(
    report.Namespace(
        "images",
        "images",
        "which image apps run, and who may build upon it",
        values,
        properties=(
            report.Property(
                "shared-with",
                "apps whose Dockerfiles may begin with FROM paas/app/<this app>, parted by "
                "commas; * for all",
                shared_with,
                has_global=False,
            ),
        ),
    )
)
