"""Again: the image of a release whose layers are not here, fetched, or built from its commit."""

from paas.console import Console
from paas.deploy import builders
from paas.deploy import release as tasks
from paas.deploy.images import elsewhere
from paas.deploy.source import inspect
from paas.errors import PaasError
from paas.model.app import App
from paas.model.push import Push
from paas.model.release import Image, Release
from paas.platform import Platform


def whole(platform: Platform, image: Image) -> bool:
    """Whether every layer of an image is here."""
    return all(platform.layers.find(layer.id) for layer in image.layers)


def image_of(platform: Platform, app: App, release: Release, console: Console) -> Image:
    """The release's image as it is, or made again where parts of it are not here.

    Raises PaasError when it cannot be: the commit is gone, or the build fails.
    """
    if whole(platform, release.image):
        return release.image
    kept = elsewhere.image_of(platform, app, release, console)
    if kept is not None:
        return kept
    commit = release.image.commit
    if not commit or not platform.repositories.has(app.name, commit):
        raise PaasError(
            f"the image of {release.name} is not here, nor the commit it was built from",
            f"deploy {app.name} again, as it was deployed before",
        )
    console.step(f"Building {app.name} again from {commit[:8]}: its image is not here")
    source = inspect(platform, app, Push(app.name, "main", commit, commit))
    image = builders.build(platform, app, source, release.config, console)
    return tasks.predeploy(platform, app, image, source.manifest, console)
