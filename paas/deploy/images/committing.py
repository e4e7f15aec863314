"""Committing: a running container as an image, and what it has changed since it started.

The container is held still while what it wrote is packed; what was packed is then taken
in like any stranger's layer.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from paas.console import Console
from paas.deploy.images import importing
from paas.errors import PaasError
from paas.image import tars
from paas.image.changes import Change, changes
from paas.model import oci_export
from paas.model.app import App
from paas.model.container import Container
from paas.model.image import ImageConfig, Step
from paas.model.oci_export import Tar
from paas.model.release import Image, Layer
from paas.platform import Platform


def diff(platform: Platform, container: Container) -> list[Change]:
    """The paths a container has added, changed and deleted."""
    upper = platform.engine.written(container.id)
    if upper is None:
        raise PaasError(f"the files of {container.spec.hostname} cannot be seen from here")
    return changes(upper, [platform.layers.path(layer) for layer in container.spec.layers])


def commit(
    platform: Platform, app: App, container: Container, image: Image, console: Console
) -> Image:
    """The image a container was started from, with what it has written as one more layer."""
    name = container.spec.hostname
    with packed(platform, app, container, console) as layout:
        layer = added(platform, app, layout, console)
    words = f"changes of {name}, {container.id}"
    config = image.config and replace(image.config, source=f"container {name} of {app.name}")
    return replace(
        image,
        id=secrets.token_hex(16),
        layers=(*image.layers, layer),
        config=config,
        steps=(*image.steps, Step(words, layer.id)) if image.steps else (),
    )


@contextmanager
def packed(platform: Platform, app: App, container: Container, console: Console) -> Iterator[Path]:
    """A layout with the container's writable layer as an image's only one."""
    draft = platform.layers.new_upper(0)
    try:
        console.step(f"Holding {container.spec.hostname} still")
        with platform.engine.frozen(container.id) as upper:
            base = platform.settings.uids(app.slot)
            made = tars.write_tree(platform.runner, upper, base, draft / "layer.tar")
        console.detail("It goes on")
        tar = Tar(made.diff_id, made.bytes, Step("changes", "changes"))
        (draft / oci_export.blob(made.diff_id)).parent.mkdir(parents=True)
        (draft / "layer.tar").rename(draft / oci_export.blob(made.diff_id))
        only = Image("changes", (Layer("changes", 0),), {}, config=ImageConfig())
        for name, data in oci_export.documents(only, [tar], "x", oci_export.EPOCH).items():
            (draft / name).write_bytes(data)
        (draft / "manifest.json").unlink()
        yield draft
    finally:
        platform.layers.discard(draft)


def added(platform: Platform, app: App, layout: Path, console: Console) -> Layer:
    """The layer, taken in as one of the app's."""
    made = importing.import_image(platform, app, importing.layout(layout), console)
    return made.layers[0]
