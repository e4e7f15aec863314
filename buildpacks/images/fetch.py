"""Fetch: an image from wherever it is into a folder of our own scratch space, by skopeo.

Source: containers-transports(5), skopeo-copy(1). The folder is skopeo's `dir:`, which takes
descriptions as they are (an OCI layout would lose Docker's HEALTHCHECK). A registry's
blobs that the daemon has unpacked before are not fetched again.
"""

import hashlib
import json
import os
import sys
import tarfile
from typing import Any, NamedTuple

from lifecycle.say import Failure

from images import layout
from images.tools import capture, run

CHUNK = 1 << 20
NAMES_AT_MOST = 20_000
AUTHENTICATION = "/config/auth.json"
ARCHIVE = "/work/archive.tar"
STAGE = "/work/stage"
BLOBS = f"{STAGE}/blobs/sha256"
FAILURE = "the image cannot be fetched"


class Fetched(NamedTuple):
    """The image's digest where it came from ("": unknown), and digests of layers not fetched."""

    digest: str
    reused: set[str]


def fetch(source: dict[str, Any], folder: str, limit_bytes: int) -> Fetched:
    """Copy the image to the folder."""
    os.makedirs(folder)
    if source["kind"] == "registry":
        return from_registry(source, folder)
    if source["kind"] == "layout":
        copy("oci:/source" + (f":{source['name']}" if source.get("name") else ""), folder)
    else:
        receive(limit_bytes)
        copy(archive_name(source.get("name", "")), folder)
        os.unlink(ARCHIVE)
    return Fetched("", set())


def copy(source: str, folder: str, *options: str) -> None:
    run(["skopeo", "copy", *options, source, f"dir:{folder}"], FAILURE)


# -- archives --------------------------------------------------------------------------------


def receive(limit_bytes: int) -> None:
    """Standard input to its end."""
    left = limit_bytes
    with open(ARCHIVE, "wb") as file:
        while data := sys.stdin.buffer.read(CHUNK):
            left -= len(data)
            if left < 0:
                raise Failure(
                    f"the archive is larger than {limit_bytes >> 20} MiB",
                    "an administrator can raise image_max_bytes in the settings",
                )
            file.write(data)
    if left == limit_bytes:
        raise Failure("no archive came in", "pipe one: docker save IMAGE | ...")


def archive_name(wanted: str) -> str:
    """The archive as skopeo calls it; wanted: which of its images, where there are several."""
    names = members()
    if "manifest.json" in names:
        many = len(tagged_images()) > 1
        return f"docker-archive:{ARCHIVE}" + (f":{wanted}" if wanted and many else "")
    if {"index.json", "oci-layout"} & names:
        return f"oci-archive:{ARCHIVE}"
    raise Failure(
        "what came in is no image", "send what docker save, podman save or skopeo copy writes"
    )


def members() -> set[str]:
    """The archive's names at its top."""
    found = set()
    try:
        with tarfile.open(ARCHIVE) as tar:
            for number, member in enumerate(tar):
                found.add(member.name.removeprefix("./"))
                if number > NAMES_AT_MOST:
                    break
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise Failure(
            f"what came in is no tar archive: {str(error).partition(':')[0]}",
            "send what docker save writes",
        ) from None
    return found


def tagged_images() -> list[Any]:
    """The images that docker save put in an archive."""
    with tarfile.open(ARCHIVE) as tar:
        file = tar.extractfile("manifest.json")
        try:
            value = json.loads(file.read(4 << 20)) if file else []
        except (ValueError, RecursionError):
            raise Failure("the archive's manifest.json is not JSON") from None
    return value if isinstance(value, list) else []


# -- registries --------------------------------------------------------------------------------


def from_registry(source: dict[str, Any], folder: str) -> Fetched:
    """Pull, without the layers whose digests are known.

    Into an OCI layout first: only there skopeo takes a file of a blob's size for the blob.
    A Docker image's own description is asked for beside it, since that layout has another.
    """
    reference = f"docker://{source['reference']}"
    options = ["--authfile", AUTHENTICATION] if os.path.exists(AUTHENTICATION) else []
    verify = ["--tls-verify=false"] if source.get("insecure") else []
    digest, layers = described(reference, [*options, *verify])
    known = {name: size for name, size in layers if name in set(source.get("known", ()))}
    place(known)
    words = ["skopeo", "copy", *options, *(f"--src-{one.removeprefix('--')}" for one in verify)]
    run([*words, reference, f"oci:{STAGE}:image"], FAILURE)
    config = capture(
        ["skopeo", "inspect", "--config", "--raw", *options, *verify, reference], FAILURE
    )
    settle(folder, config.encode())
    return Fetched(digest, set(known))


def described(reference: str, options: list[str]) -> tuple[str, list[tuple[str, int]]]:
    """The image's digest, and digest and size of each of its layers, for this machine."""
    text = capture(["skopeo", "inspect", *options, reference], FAILURE)
    try:
        found = json.loads(text)
        layers = [(str(layer["Digest"]), int(layer["Size"])) for layer in found["LayersData"]]
        return str(found["Digest"]), layers
    except (ValueError, KeyError, TypeError):
        return "", []


def place(known: dict[str, int]) -> None:
    """Files of the size of blobs that need not be fetched."""
    os.makedirs(BLOBS)
    for digest, size in known.items():
        with open(os.path.join(BLOBS, digest.removeprefix("sha256:")), "wb") as file:
            file.truncate(size)


def settle(folder: str, config: bytes) -> None:
    """The layout as a folder of the same form as archives give."""
    index = layout.document(os.path.join(STAGE, "index.json"))
    name = layout.checked((index.get("manifests") or [None])[0])
    manifest = layout.document(os.path.join(BLOBS, name.removeprefix("sha256:")))
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    manifest["config"] = {"digest": digest, "size": len(config)}
    for entry in os.listdir(BLOBS):
        os.rename(os.path.join(BLOBS, entry), os.path.join(folder, entry))
    for target, data in (
        (layout.path_of(folder, digest), config),
        (os.path.join(folder, "manifest.json"), json.dumps(manifest).encode()),
    ):
        with open(target, "wb") as file:
            file.write(data)
