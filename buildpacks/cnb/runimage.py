"""OCI layouts on disk: a stand-in for the run image, and the image a build has exported.

The stack's own layers never enter a build: the run image is one empty layer with the
stack's description, and the daemon puts what is above it on the stack. Sources: OCI image
spec 1.1 (image-layout.md, manifest.md, config.md); platform spec, "Run Image".
"""

import hashlib
import json
import os
import platform
from typing import Any

from images import layout
from lifecycle.say import Failure

MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}
EMPTY = bytes(10240)  # a tar of nothing, as tar(1) pads it
OCI = "application/vnd.oci.image"
RUN, APP = "paas/run", "paas/app"
# where the lifecycle keeps an image of a layout directory: registry, name, tag
PATHS = {name: os.path.join("index.docker.io", name, "latest") for name in (RUN, APP)}


def architecture() -> str:
    """As images and Go name it."""
    return MACHINE.get(platform.machine(), "amd64")


def write(root: str, user: str, system: dict[str, str]) -> None:
    """The run image in a layout directory, made anew."""
    folder = os.path.join(root, PATHS[RUN])
    blobs = os.path.join(folder, "blobs", "sha256")
    os.makedirs(blobs, exist_ok=True)
    layer = put(blobs, EMPTY, f"{OCI}.layer.v1.tar")
    config = {
        "architecture": architecture(),
        "os": "linux",
        "config": {
            "User": user,
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Labels": {
                "io.buildpacks.base.distro.name": system.get("ID", "debian"),
                "io.buildpacks.base.distro.version": system.get("VERSION_ID", ""),
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        "history": [{"created_by": "the stack"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": put(blobs, json.dumps(config).encode(), f"{OCI}.config.v1+json"),
        "layers": [layer],
    }
    described = put(blobs, json.dumps(manifest).encode(), f"{OCI}.manifest.v1+json")
    save(folder, "index.json", {"schemaVersion": 2, "manifests": [described]})
    save(folder, "oci-layout", {"imageLayoutVersion": "1.0.0"})


def put(blobs: str, data: bytes, kind: str) -> dict[str, Any]:
    """Write a blob; its descriptor."""
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, digest), "wb") as file:
        file.write(data)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}


def save(folder: str, name: str, value: dict[str, Any]) -> None:
    with open(os.path.join(folder, name), "w") as file:
        json.dump(value, file)


def exported(root: str) -> tuple[str, layout.Image]:
    """The app's image after a build: the folder of its blobs, and what it consists of."""
    folder = os.path.join(root, PATHS[APP])
    index = layout.document(os.path.join(folder, "index.json"))
    manifests = index.get("manifests")
    if not isinstance(manifests, list) or not manifests:
        raise Failure("the lifecycle exported no image")
    blobs = os.path.join(folder, "blobs", "sha256")
    manifest = layout.path_of(blobs, layout.checked(manifests[-1]))
    return blobs, layout.described(blobs, manifest)
