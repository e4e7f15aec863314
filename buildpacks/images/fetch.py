"""Fetch: an image from wherever it is into a folder of our own scratch space, by skopeo.

Source: containers-transports(5), skopeo-copy(1). The folder is skopeo's `dir:`, which takes
descriptions as they are (an OCI layout would lose Docker's HEALTHCHECK). A registry's
blobs that the daemon has unpacked before are not fetched again: skopeo finds a file of
their size there.
"""

import json
import os
import sys
import tarfile
from typing import Any

from lifecycle.say import Failure

from images.tools import capture, run

CHUNK = 1 << 20
NAMES_AT_MOST = 20_000
AUTHENTICATION = "/config/auth.json"
ARCHIVE = "/work/archive.tar"


def fetch(source: dict[str, Any], folder: str, limit_bytes: int) -> set[str]:
    """Copy the image to the folder; digests of layers that were not fetched since we have them."""
    os.makedirs(folder)
    if source["kind"] == "registry":
        return from_registry(source, folder)
    if source["kind"] == "layout":
        copy("oci:/source" + (f":{source['name']}" if source.get("name") else ""), folder)
    else:
        receive(limit_bytes)
        copy(archive_name(source.get("name", "")), folder)
        os.unlink(ARCHIVE)
    return set()


def copy(source: str, folder: str, *options: str) -> None:
    run(["skopeo", "copy", *options, source, f"dir:{folder}"], "the image cannot be fetched")


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
            f"what came in is no tar archive: {error}", "send what docker save writes"
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


def from_registry(source: dict[str, Any], folder: str) -> set[str]:
    """Pull, without the layers whose digests are known."""
    reference = f"docker://{source['reference']}"
    options = ["--authfile", AUTHENTICATION] if os.path.exists(AUTHENTICATION) else []
    verify = [] if not source.get("insecure") else ["--tls-verify=false"]
    layers = described(reference, [*options, *verify])
    known = {digest: size for digest, size in layers if digest in set(source.get("known", ()))}
    for digest, size in known.items():
        with open(os.path.join(folder, digest.removeprefix("sha256:")), "wb") as file:
            file.truncate(size)
    copy(reference, folder, *options, *(f"--src-{one.removeprefix('--')}" for one in verify))
    return set(known)


def described(reference: str, options: list[str]) -> list[tuple[str, int]]:
    """Digest and size of each layer of the image for this machine."""
    text = capture(["skopeo", "inspect", *options, reference], "the image cannot be fetched")
    try:
        layers = json.loads(text)["LayersData"]
        return [(str(layer["Digest"]), int(layer["Size"])) for layer in layers]
    except (ValueError, KeyError, TypeError):
        return []
