"""Steps kept: what a Dockerfile's steps made, so that the next build need not do them again.

Touches: <state>/dockerfile/<app id>/steps.json. Layers are ours and may be gone: then what
lay on them is forgotten too. Only the app's own builds read this.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from paas.deploy.images.shelf import NOTHING, Book, Shelf
from paas.image import durable
from paas.image.durable import remove_tree
from paas.model.app import App
from paas.model.release import Layer
from paas.platform import Platform

BUILDS = 3  # a step that so many builds in a row had no use for is forgotten
FILE = "steps.json"
MOUNTS = "mounts"


@dataclass(frozen=True, slots=True)
class Kept:
    """Layers in storage, the images on them, and in which build each image was last of use."""

    build: int = 0
    books: tuple[Book, ...] = ()
    images: tuple[dict[str, Any], ...] = ()
    used: dict[str, int] = field(default_factory=dict)


def home(platform: Platform, app: App) -> Path:
    """What an app's Dockerfile builds keep."""
    return platform.settings.state_dir / "dockerfile" / str(app.id)


def forget(platform: Platform, app: App) -> None:
    """Keep nothing any more. Idempotent."""
    remove_tree(home(platform, app))


def read(platform: Platform, app: App) -> Kept:
    """What is kept; nothing where it cannot be read: steps are done again then."""
    try:
        values = json.loads((home(platform, app) / FILE).read_text())
        books = [Book(**{**book, "layer": Layer(**book["layer"])}) for book in values["books"]]
        return Kept(int(values["build"]), tuple(books), tuple(values["images"]), values["used"])
    except (OSError, ValueError, KeyError, TypeError):
        return Kept()


def put_on(platform: Platform, shelf: Shelf, kept: Kept) -> None:
    """Put what is kept, and still there, on a shelf that has the bases already."""
    for book in kept.books:
        layer = platform.layers.find(book.layer.id)
        if layer is not None:
            shelf.put(replace(book, layer=layer))
    for image in kept.images:
        shelf.put_image(image)


def write(platform: Platform, app: App, kept: Kept) -> None:
    """Keep this from now on."""
    path = home(platform, app) / FILE
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    durable.write(path, json.dumps(asdict(kept)))


def after(
    shelf: Shelf, before: Kept, bases: set[str], new: list[dict[str, Any]], used: set[str]
) -> Kept:
    """What is kept after a build: what it made or had a use for, and what was of late.

    bases: ids in storage of layers that belong to images the Dockerfile named.
    """
    number = before.build + 1
    last = {image["id"]: before.used.get(image["id"], 0) for image in before.images}
    last |= dict.fromkeys((*(image["id"] for image in new), *used), number)
    images = [
        image
        for image in {one["id"]: one for one in (*before.images, *new)}.values()
        if last.get(image["id"], 0) > number - BUILDS
        and (image["layer"] == NOTHING or image["layer"] in shelf.books)
    ]
    needed = {
        book.id: book
        for image in images
        for book in shelf.chain(image["layer"])
        if book.id not in bases
    }
    order = [book for book in shelf.books.values() if book.id in needed]
    kept_images = tuple({**image, "names": []} for image in images)
    return Kept(number, tuple(order), kept_images, {one["id"]: last[one["id"]] for one in images})
