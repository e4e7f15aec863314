"""The shelf: layers and images that a build may use, as buildah's storage has them.

Each layer there has an id made of all below it; ours are found again by it. See
buildpacks/images/store.py for what becomes of this inside.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from paas.deploy.images import history
from paas.model import oci_export
from paas.model.oci_export import Tar
from paas.model.release import Image, Layer

NOTHING = ""


@dataclass(frozen=True, slots=True)
class Book:
    """One layer on the shelf: under which layer it lies in storage, and which of ours it is."""

    id: str
    parent: str
    diff: str
    size: int
    layer: Layer


@dataclass(slots=True)
class Shelf:
    """Layers by their id in storage, parents before children; images as storage has them."""

    books: dict[str, Book] = field(default_factory=dict)
    images: dict[str, dict[str, Any]] = field(default_factory=dict)

    def put(self, book: Book) -> bool:
        """One more layer; False when what it lies on is not here."""
        if book.parent != NOTHING and book.parent not in self.books:
            return False
        self.books.setdefault(book.id, book)
        return True

    def put_image(self, image: dict[str, Any]) -> bool:
        """One more image; False when its layers are not here."""
        if image["layer"] != NOTHING and image["layer"] not in self.books:
            return False
        known = self.images.setdefault(image["id"], {**image, "names": []})
        known["names"] = sorted({*known["names"], *image.get("names", ())})
        return True

    def put_base(self, image: Image, names: Sequence[str]) -> None:
        """An image of ours that a Dockerfile may begin with."""
        parent, tars = NOTHING, []
        for layer in image.layers:
            diff = digest_of(layer.id)
            book = Book(chain_id(parent, diff), parent, diff, layer.bytes, layer)
            self.put(book)
            parent = book.id
            tars.append(Tar(diff, layer.bytes, history.of(image, layer)))
        config, manifest = oci_export.pair(image, tars, oci_export.EPOCH)
        self.put_image(
            {
                "id": hashlib.sha256(config).hexdigest(),
                "layer": parent,
                "names": list(names),
                "config": config.decode(),
                "manifest": manifest.decode(),
            }
        )

    def chain(self, top: str) -> list[Book]:
        """The layers down from one, bottom first."""
        found = []
        while top != NOTHING:
            found.append(self.books[top])
            top = self.books[top].parent
        return found[::-1]

    def described(self) -> dict[str, Any]:
        """For the build: which of the layers shown to it is which."""
        places = {layer.id: number for number, layer in enumerate(self.shown())}
        return {
            "layers": [
                {
                    "id": book.id,
                    "parent": book.parent,
                    "diff": book.diff,
                    "size": book.size,
                    "at": places[book.layer.id],
                }
                for book in self.books.values()
            ],
            "images": list(self.images.values()),
        }

    def shown(self) -> list[Layer]:
        """The layers, each once, in the order in which they are shown."""
        return list({book.layer.id: book.layer for book in self.books.values()}.values())


def digest_of(name: str) -> str:
    """A stand-in for the digest of a layer's tar, which nobody packs for a build."""
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def chain_id(parent: str, diff: str) -> str:
    """A layer's id in storage, as buildah makes it: of its own tar and all that is below."""
    own = diff.removeprefix("sha256:")
    return hashlib.sha256(f"{parent}+{own}".encode()).hexdigest() if parent else own
