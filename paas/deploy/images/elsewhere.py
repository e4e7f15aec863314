"""Elsewhere: a copy of a release's image at a registry, for when its layers are not here.

Where it was pushed to, or where it was deployed from.
"""

from dataclasses import replace

from paas.console import Console
from paas.deploy.images import pushing, registries
from paas.errors import PaasError
from paas.model.app import App
from paas.model.release import Image, Release
from paas.platform import Platform

SOURCE = ("git", "source-image")


def image_of(platform: Platform, app: App, release: Release, console: Console) -> Image | None:
    """The release's image from a registry that has it; None when none is known to."""
    for name in names(platform, app, release):
        try:
            found = registries.fetch(platform, app, name, console)
        except PaasError as error:
            console.check_cancelled()
            console.warn(f"{name}: {error.message}")
        else:
            mine = release.image
            return replace(
                found, processes=taken(mine, found), manifest=mine.manifest, commit=mine.commit
            )
    return None


def names(platform: Platform, app: App, release: Release) -> list[str]:
    """References under which a registry has the image."""
    found = []
    if pushing.wanted(platform, app):
        found.append(str(pushing.references(platform, app, release)[0]))
    source = platform.store.properties.get(app, *SOURCE)
    current = platform.store.releases.current(app)
    is_current = current is not None and current.version == release.version
    if source and is_current and release.image.config and release.image.config.source:
        found.append(source)
    return found


def taken(mine: Image, found: Image) -> dict[str, str]:
    """The processes the release had, as the fetched image is given them."""
    return mine.processes if mine.config else found.processes
