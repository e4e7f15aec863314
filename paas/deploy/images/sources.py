"""Where images come in from: a caller's standard input, a path of the server, a registry."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paas.console import Console
from paas.deploy import prune, relay
from paas.deploy.images import importing
from paas.deploy.images.importing import Origin
from paas.errors import PaasError
from paas.model.app import App
from paas.model.release import Image
from paas.platform import Platform

PATHS = ("docker-archive", "oci-archive", "oci")
# layers that come and go with images that have a name; those of a Dockerfile wait to serve again
OURS = ("image-", "commit-")


def from_input(platform: Platform, app: App | None, origin: Origin, console: Console) -> Image:
    """An archive on the caller's standard input, which is relayed: never handed on itself."""
    console.step("Reading an image from standard input")
    with piped(console) as stdin:
        return importing.import_image(platform, app, origin, console, stdin=stdin)


@contextmanager
def piped(console: Console) -> Iterator[int]:
    """A pipe that gets what comes in."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    threading.Thread(target=relay.copy_input, args=(console, writer), daemon=True).start()
    try:
        yield reader
    finally:
        os.close(reader)


def from_path(
    platform: Platform, app: App | None, kind: str, path: Path, name: str, console: Console
) -> Image:
    """An archive or a layout on the server."""
    console.step(f"Reading {kind}:{path}")
    if kind == "oci":
        if not (path / "index.json").is_file():
            raise PaasError(f"{path} is no OCI layout", "its index.json is missing")
        return importing.import_image(platform, app, importing.layout(path, name), console)
    try:
        file = path.open("rb")
    except OSError as error:
        raise PaasError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        origin = importing.archive(name, f"{kind}:{path}")
        return importing.import_image(platform, app, origin, console, stdin=file.fileno())


def free(platform: Platform) -> None:
    """Remove layers of images that have lost their names, in the background."""
    ids = {record.layer.id for record in platform.layers.all() if record.layer.id.startswith(OURS)}
    prune.bury(platform, prune.unneeded(platform, ids))
