"""A fetched image on disk: which blobs it consists of, and their bytes, unpacked and checked.

As skopeo's `dir:` keeps it: the manifest as it came, and blobs by their digests. Source:
OCI image spec 1.1, manifest.md and config.md; Docker's manifests (v2, schema 2) have the
same form here. Every document is a stranger's: bounded, and taken only in that form.
"""

import contextlib
import hashlib
import json
import os
import re
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from lifecycle.say import Failure

DOCUMENT_BYTES = 2 << 20
LAYERS_AT_MOST = 127  # as many as overlayfs and Docker take, with one of the container's own
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
CHUNK = 1 << 20
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Blob:
    """One layer of an image as it is kept: its digest, and the digest of the tar in it."""

    digest: str
    size: int
    diff_id: str


@dataclass(frozen=True)
class Image:
    """A fetched image's description."""

    digest: str  # of its manifest
    config: dict[str, Any]
    blobs: list[Blob]


def read(folder: str) -> Image:
    """The image in a folder."""
    return described(folder, os.path.join(folder, "manifest.json"))


def described(folder: str, path: str) -> Image:
    """The image of the manifest at a path, its blobs in a folder."""
    with open(path, "rb") as file:
        text = file.read(DOCUMENT_BYTES)
    manifest = parsed(text)
    config = document(path_of(folder, checked(manifest.get("config"))))
    return Image(f"sha256:{hashlib.sha256(text).hexdigest()}", config, blobs(manifest, config))


def blobs(manifest: dict[str, Any], config: dict[str, Any]) -> list[Blob]:
    """The layers, bottom first, each with what its tar hashes to."""
    layers, rootfs = manifest.get("layers"), config.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(layers, list) or not isinstance(diff_ids, list):
        raise Failure("the image has no list of layers")
    if len(layers) != len(diff_ids):
        raise Failure("the image names another number of layers than it has")
    if len(layers) > LAYERS_AT_MOST:
        raise Failure(
            f"the image has {len(layers)} layers; at most {LAYERS_AT_MOST} can be mounted",
            "build it with fewer steps, or squash it",
        )
    return [
        Blob(checked(layer), size_of(layer), checked({"digest": diff_id}))
        for layer, diff_id in zip(layers, diff_ids, strict=True)
    ]


def size_of(descriptor: dict[str, Any]) -> int:
    size = descriptor.get("size")
    if not isinstance(size, int) or size < 0:
        raise Failure("a layer of the image has no size")
    return size


def checked(descriptor: Any) -> str:
    """The digest in a descriptor; anything but sha256 is refused."""
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise Failure("the image names something by another digest than sha256")
    return digest


def path_of(folder: str, digest: str) -> str:
    return os.path.join(folder, digest.removeprefix("sha256:"))


def document(path: str) -> dict[str, Any]:
    """A small JSON object in a file."""
    try:
        with open(path, "rb") as file:
            return parsed(file.read(DOCUMENT_BYTES))
    except FileNotFoundError:
        raise Failure("the image is not whole: a part of it is missing") from None


def parsed(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Failure("the image's description is not JSON, or too large") from None
    if not isinstance(value, dict):
        raise Failure("the image's description is no JSON object")
    return value


# -- bytes ---------------------------------------------------------------------------------


class Hashed:
    """A stream that knows what went through it."""

    def __init__(self, chunks: Iterator[bytes], limit_bytes: int) -> None:
        self._chunks = chunks
        self._rest = b""
        self._digest = hashlib.sha256()
        self._left = limit_bytes

    def read(self, size: int = -1) -> bytes:
        """Up to size bytes; b"" at the end."""
        if not self._rest:
            self._rest = next(filter(None, self._chunks), b"")
            self._digest.update(self._rest)
            self._left -= len(self._rest)
            if self._left < 0:
                raise Failure("a layer of the image is larger than may be unpacked")
        data = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(data) :]
        return data

    def finish(self) -> str:
        """Read to the end; the digest of everything."""
        while self.read(CHUNK):
            pass
        return f"sha256:{self._digest.hexdigest()}"


@contextlib.contextmanager
def opened(folder: str, blob: Blob, limit_bytes: int) -> Iterator[Hashed]:
    """A layer's tar, whatever it is compressed with; Failure when its digest is not as said."""
    with open(path_of(folder, blob.digest), "rb") as file:
        start = file.read(4)
        file.seek(0)
        with contextlib.closing(chunks(file, start)) as parts:
            stream = Hashed(parts, limit_bytes)
            yield stream
            if stream.finish() != blob.diff_id:
                raise Failure("a layer of the image is not what its digest says")


def chunks(file: BinaryIO, start: bytes) -> Iterator[bytes]:
    if start[:2] == GZIP:
        return gunzipped(file)
    if start == ZSTD:
        return unzstandard(file)
    return (data for data in iter(lambda: file.read(CHUNK), b""))


def gunzipped(file: BinaryIO) -> Iterator[bytes]:
    """The content of a gzip file of any number of members, in chunks of bounded size."""
    worker, data = zlib.decompressobj(wbits=31), file.read(CHUNK)
    try:
        while data:
            if worker.eof:
                worker = zlib.decompressobj(wbits=31)
            found = worker.decompress(data, CHUNK)
            while found:  # what is asked for in pieces may go on without new input
                yield found
                data = worker.unconsumed_tail
                found = worker.decompress(data, CHUNK) if not worker.eof else b""
            data = worker.unused_data or file.read(CHUNK)
    except zlib.error as error:
        raise Failure(f"a layer of the image cannot be decompressed: {error}") from None
    if not worker.eof:
        raise Failure("a layer of the image ends too early")


def unzstandard(file: BinaryIO) -> Iterator[bytes]:
    with subprocess.Popen(
        ("zstd", "-dcq", "--memory=512MB"), stdin=file, stdout=subprocess.PIPE
    ) as child:
        try:
            assert child.stdout is not None
            yield from iter(lambda: child.stdout.read(CHUNK), b"")
            if child.wait() != 0:
                raise Failure("a layer of the image cannot be decompressed")
        finally:
            child.kill()
