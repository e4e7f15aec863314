"""The archive as a stream of bytes: hashed, compressed, sealed if wanted; and back.

Touches: the descriptors it is given.
"""

import hashlib
import os
from collections.abc import Callable
from typing import IO, cast

import zstandard

from paas.backup.descriptors import CHUNK, write_all
from paas.backup.footer import footer, is_sealed, payload_bytes
from paas.backup.members import damaged
from paas.backup.seal import Opener, Sealer
from paas.errors import PaasError

LEVEL = 3
THREADS = min(4, os.cpu_count() or 1)
WINDOW_BYTES = 128 << 20


class Outlet:
    """Takes the archive's plain bytes; what comes of them goes to a descriptor.

    alive is called with the number of plain bytes so far, again and again.
    """

    def __init__(
        self,
        descriptor: int,
        passphrase: str | None = None,
        alive: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._descriptor = descriptor
        self._alive = alive
        self._taken = 0
        self.written = 0
        self.stream = hashlib.sha256()
        self._sealer = Sealer(self._raw, passphrase) if passphrase is not None else None
        compressor = zstandard.ZstdCompressor(level=LEVEL, threads=THREADS, write_checksum=True)
        self._compressor = compressor.compressobj()

    def write(self, data: bytes) -> None:
        self.stream.update(data)
        self._seal(self._compressor.compress(data))
        self._taken += len(data)
        self._alive(self._taken)

    def close(self) -> None:
        """The end of it all; the descriptor stays open."""
        self._seal(self._compressor.flush())
        if self._sealer is not None:
            self._sealer.close()
        self._raw(footer(self.written))

    def _seal(self, data: bytes) -> None:
        if data:
            (self._sealer.write if self._sealer else self._raw)(data)

    def _raw(self, data: bytes) -> None:
        write_all(self._descriptor, data)
        self.written += len(data)


class Payload:
    """What lies before the footer of a file, read without moving the file's own position."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._place = 0
        self.size = payload_bytes(descriptor)

    def read(self, size: int = -1, /) -> bytes:
        left = self.size - self._place
        data = os.pread(self._descriptor, left if size < 0 else min(size, left), self._place)
        self._place += len(data)
        return data


class Inlet:
    """Gives the archive's plain bytes back, from a file."""

    def __init__(self, descriptor: int, passphrase: str | None = None) -> None:
        payload = Payload(descriptor)
        if is_sealed(descriptor) and passphrase is None:
            raise PaasError("this backup is encrypted", "give its passphrase: --passphrase-file")
        source = Opener(payload, passphrase or "") if is_sealed(descriptor) else payload
        decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES)
        self._reader = decompressor.stream_reader(cast("IO[bytes]", source), read_size=CHUNK)
        self._source = source
        self.stream = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """At most so many bytes; PaasError at the end: an archive tells where it ends itself."""
        try:
            data = self._reader.read(size)
        except zstandard.ZstdError as error:
            raise damaged(f"it cannot be decompressed ({error})") from error
        if not data and size:
            raise damaged("it ends too early")
        self.stream.update(data)
        return data

    def exactly(self, size: int) -> bytes:
        """So many bytes."""
        parts = []
        while size:
            parts.append(self.read(size))
            size -= len(parts[-1])
        return b"".join(parts)

    def end(self) -> None:
        """Nothing may follow; PaasError when something does."""
        try:
            more = self._reader.read(1) or self._source.read(1)
        except zstandard.ZstdError as error:
            raise damaged(f"it cannot be decompressed ({error})") from error
        if more:
            raise damaged("something follows its end")
