"""An archive's bytes: bounded as they come, their kind told by their begin, unpacked on the way."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from lifecycle.say import Failure

# what each kind begins with
MAGIC = {
    b"\x1f\x8b": "tar.gz",
    b"BZh": "tar.bz2",
    b"\xfd7zXZ\x00": "tar.xz",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x28\xb5\x2f\xfd": "tar.zst",
}
LONGEST = 6
OPENERS: dict[str, Callable[[Any], Any]] = {
    "tar.gz": lambda stream: gzip.GzipFile(fileobj=stream),
    "tar.bz2": bz2.BZ2File,
    "tar.xz": lzma.LZMAFile,
}
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, ValueError)


class Bounded(io.RawIOBase):
    """A stream that is refused when it has more bytes than are allowed."""

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise too_large(self._limit)
        buffer[: len(data)] = data
        return len(data)

    def _read(self, size: int) -> bytes:
        """What comes next; at the begin enough to tell what it is, though it come byte by byte."""
        data: bytes = self._stream.read(size)
        while self._left == self._limit and 0 < len(data) < LONGEST:
            more = self._stream.read(size - len(data))
            if not more:
                break
            data += more
        return data


class Unpacked(io.RawIOBase):
    """What a packed stream holds; damage is told in words."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except Failure:
            raise
        except DAMAGED as error:
            raise Failure(
                f"the archive is damaged: {error}", "make it again, and send all of it"
            ) from None
        except OSError as error:  # bz2's way of saying so
            raise Failure(f"the archive is damaged: {error}") from None
        buffer[: len(data)] = data
        return len(data)


def opened(stream: Any, wanted: str, limit: int) -> tuple[str, BinaryIO]:
    """The archive's kind, and its bytes: a zip's as they are, else of the tar inside.

    wanted: what it was said to be ("": nothing); Failure when it is not. A tar's headers
    may take as much as its files are allowed to.
    """
    buffered = io.BufferedReader(stream, 1 << 18)
    head = buffered.peek(LONGEST)[:LONGEST]
    if not head:
        raise Failure("no archive came in", "pipe one: tar -c . | ...")
    found = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "tar")
    if wanted and wanted != found and not (wanted == "tar" and found.startswith("tar")):
        raise Failure(
            f"what came in is no {wanted} archive: it begins like {found}",
            "leave --archive-type out: the kind is found by itself",
        )
    if found == "tar.zst":
        raise Failure("archives packed by zstd are not read", "send a tar, tar.gz, tar.xz or zip")
    if found in OPENERS:
        inside = Bounded(Unpacked(OPENERS[found](buffered)), 2 * limit)
        return found, io.BufferedReader(inside, 1 << 18)
    return found, buffered


def too_large(limit: int) -> Failure:
    return Failure(
        f"the archive is larger than {limit >> 20} MiB",
        "leave out what the app does not need, or raise push_max_bytes in the settings",
    )
