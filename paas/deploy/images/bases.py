"""Bases: the images a Dockerfile names, found here or pulled, as the app may see them."""

from collections.abc import Mapping, Sequence

from paas.console import Console
from paas.deploy.images import catalogue, registries
from paas.errors import PaasError
from paas.model import dockerfile, reference
from paas.model.app import App
from paas.model.reference import Reference
from paas.model.release import Image
from paas.platform import Platform

ACTOR = "a build"


def find_all(
    platform: Platform, app: App, names: Sequence[str], console: Console, *, pull: bool
) -> list[tuple[str, Image]]:
    """Each name with its image; PaasError for one that is neither here nor at its registry.

    pull: ask the registry also where an image of that name was pulled before.
    """
    return [(name, find(platform, app, name, console, pull=pull)) for name in names]


def find(platform: Platform, app: App, name: str, console: Console, *, pull: bool) -> Image:
    try:
        wanted = reference.parse(name)
    except PaasError as error:
        raise PaasError(
            f"the Dockerfile names {name[:120]!r}, which is no image and no stage of it",
            "correct it and commit again",
        ) from error
    found = catalogue.find(platform, app, name)
    pulled = found is not None and found.name == str(wanted.remote)
    if found is not None and not (pull and pulled):
        return whole(platform, name, found.image)
    try:
        return registries.pull(platform, app, name, console, ACTOR).image
    except PaasError as error:
        raise PaasError(
            f"{name} is not here and cannot be pulled: {error.message}",
            "images that are here: paas/stack:build, paas/stack:run and those of "
            "paas images:list; a private registry needs paas registry:login",
        ) from error


def whole(platform: Platform, name: str, image: Image) -> Image:
    """The image, all of whose layers are here."""
    if all(platform.layers.find(layer.id) for layer in image.layers):
        return image
    raise PaasError(f"parts of the image {name} are not here any more", "import or pull it again")


def names_inside(name: str) -> list[str]:
    """What buildah may look an image up by."""
    wanted = reference.parse(name).tagged
    if wanted.digest:
        return [by_digest(wanted)]
    local = f"{reference.LOCAL}/{wanted}" if not wanted.domain else str(wanted)
    return sorted({local, str(wanted.remote)})


def by_digest(wanted: Reference) -> str:
    """The name of an image that was asked for by its digest: ours is another inside."""
    return f"{reference.LOCAL}/by-digest/{wanted.digest.removeprefix('sha256:')}:latest"


def with_names_inside(text: str, arguments: Mapping[str, str]) -> str:
    """The Dockerfile, in which images asked for by digest have the name they are found by."""
    for name in dockerfile.images_named(text, arguments):
        wanted = reference.parse(name)
        if wanted.digest:
            text = text.replace(name, by_digest(wanted))
    return text
