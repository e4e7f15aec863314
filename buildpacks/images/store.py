"""buildah's storage: what it finds there before a build, and what a build has added to it.

Layers the daemon has are shown read-only in /layers; a store made of links to them is
buildah's additional one, so that nothing is ever copied into the build. Sources:
containers-storage.conf(5), "additionalimagestores"; containers/storage, layers.go and
images.go, for the two lists; overlayfs.rst for what lies in a layer.
"""

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from typing import Any

from lifecycle.say import Failure

LAYERS = "/layers"
EPOCH = "1970-01-01T00:00:00Z"
LIST_BYTES = 16 << 20
LINK = 26  # characters of a layer's short name; mount options are limited
OPAQUE = "user.overlay.opaque"
DEEPEST = 200


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# -- before ---------------------------------------------------------------------------------


def compose(root: str, layers: list[dict[str, Any]], images: list[dict[str, Any]]) -> None:
    """Make a store of layers that are shown and of images on them.

    layers: id, parent ("": none), diff and size as buildah had them, and at, the number
    below /layers. images: id, layer, names, config and manifest as they were written.
    """
    for name in ("overlay/l", "overlay-images", "overlay-layers"):
        os.makedirs(os.path.join(root, name))
    chains: dict[str, list[str]] = {}
    for layer in layers:
        chain = chains.get(layer["parent"], [])
        chains[layer["id"]] = [layer["id"][:LINK].upper(), *chain]
        put_layer(root, layer, chain)
    put_list(root, "overlay-layers/layers", [layer_entry(layer) for layer in layers])
    put_list(root, "overlay-images/images", [put_image(root, image) for image in images])


def put_layer(root: str, layer: dict[str, Any], chain: list[str]) -> None:
    link = layer["id"][:LINK].upper()
    home = os.path.join(root, "overlay", layer["id"])
    os.mkdir(home)
    os.symlink(f"{LAYERS}/{layer['at']}", os.path.join(home, "diff"))
    os.symlink(f"../{layer['id']}/diff", os.path.join(root, "overlay/l", link))
    write(os.path.join(home, "link"), link.encode())
    if chain:
        write(os.path.join(home, "lower"), ":".join(f"l/{one}" for one in chain).encode())


def layer_entry(layer: dict[str, Any]) -> dict[str, Any]:
    entry = {
        "id": layer["id"],
        "created": EPOCH,
        "compressed-diff-digest": layer["diff"],
        "compressed-size": layer["size"],
        "diff-digest": layer["diff"],
        "diff-size": layer["size"],
    }
    return {**entry, "parent": layer["parent"]} if layer["parent"] else entry


def put_image(root: str, image: dict[str, Any]) -> dict[str, Any]:
    """Write an image's documents; its entry in the list."""
    config, manifest = image["config"].encode(), image["manifest"].encode()
    digest = f"sha256:{sha256(manifest)}"
    documents = {
        "manifest": manifest,
        f"manifest-{digest}": manifest,
        f"sha256:{image['id']}": config,
    }
    home = os.path.join(root, "overlay-images", image["id"])
    os.mkdir(home)
    for name, data in documents.items():
        write(os.path.join(home, document_name(name)), data)
    return {
        "id": image["id"],
        "digest": digest,
        "names": image["names"],
        "layer": image["layer"],
        "metadata": "{}",
        "big-data-names": list(documents),
        "big-data-sizes": {name: len(data) for name, data in documents.items()},
        "big-data-digests": {name: f"sha256:{sha256(data)}" for name, data in documents.items()},
        "created": EPOCH,
    }


def document_name(name: str) -> str:
    """The file of an image's document: its name, encoded where a file could not bear it."""
    return name if name.isalnum() else "=" + base64.b64encode(name.encode()).decode()


def put_list(root: str, name: str, entries: list[dict[str, Any]]) -> None:
    write(os.path.join(root, f"{name}.json"), json.dumps(entries).encode())
    write(os.path.join(root, f"{name}.lock"), b"")


def write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


# -- after ----------------------------------------------------------------------------------


def added(root: str) -> dict[str, Any]:
    """The layers and images that a build has put into its own store."""
    layers = [described(root, entry) for entry in read_list(root, "overlay-layers/layers")]
    known = {layer["id"] for layer in layers if layer}
    images = [image_of(root, entry) for entry in read_list(root, "overlay-images/images")]
    return {
        "layers": [layer for layer in layers if layer],
        "images": [image for image in images if image],
        "count": len(known),
    }


def read_list(root: str, name: str) -> list[dict[str, Any]]:
    path = os.path.join(root, f"{name}.json")
    try:
        if os.path.getsize(path) > LIST_BYTES:
            raise Failure("the build made more layers than can be kept")
        with open(path, "rb") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return []
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def described(root: str, entry: dict[str, Any]) -> dict[str, Any] | None:
    """A layer, and the directories in it that hide what is below them."""
    identity = entry.get("id", "")
    home = os.path.join(root, "overlay", identity, "diff")
    if not identity or not entry.get("diff-digest") or not os.path.isdir(home):
        return None
    return {
        "id": identity,
        "parent": entry.get("parent", ""),
        "diff": entry["diff-digest"],
        "size": entry.get("diff-size", 0),
        "opaque": sorted(opaque(home)),
    }


def opaque(root: str) -> Iterable[str]:
    """Directories below root that the overlay has marked; "" is root itself."""
    pending = [("", 0)]
    while pending:
        name, depth = pending.pop()
        path = os.path.join(root, name)
        with contextlib.suppress(OSError):
            if os.getxattr(path, OPAQUE, follow_symlinks=False) == b"y":
                yield name
        if depth > DEEPEST:
            raise Failure("the build has nested folders too deeply to be kept")
        with os.scandir(path) as scan:
            folders = [one.name for one in scan if one.is_dir(follow_symlinks=False)]
        pending += [(f"{name}/{one}".lstrip("/"), depth + 1) for one in folders]


def image_of(root: str, entry: dict[str, Any]) -> dict[str, Any] | None:
    """An image with its documents."""
    identity = entry.get("id", "")
    home = os.path.join(root, "overlay-images", identity)
    try:
        with open(os.path.join(home, document_name(f"sha256:{identity}"))) as file:
            config = file.read(LIST_BYTES)
        with open(os.path.join(home, "manifest")) as file:
            manifest = file.read(LIST_BYTES)
    except (OSError, UnicodeDecodeError):
        return None
    return {"id": identity, "layer": entry.get("layer", ""), "config": config, "manifest": manifest}
