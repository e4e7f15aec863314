"""Sealing: a stream encrypted under a passphrase, of which nothing can be changed or cut off.

scrypt makes the key (RFC 7914). AES-256-GCM seals chunks of 64 KiB, each with a nonce of
a random prefix, the chunk's number and whether it is the last one: the STREAM
construction (Hoang et al., "Online Authenticated-Encryption", 2015). Pure but for chance.
"""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from paas.backup.footer import SEALED
from paas.backup.members import damaged
from paas.errors import PaasError

HEADER = struct.Struct(">16s16s7sBBB")
CHUNK = 64 << 10
TAG = 16
# 64 MiB and about a quarter of a second a guess
WORK, BLOCK_SIZE, PARALLEL = 16, 8, 1
MEMORY_BYTES = 256 << 20


class Source(Protocol):
    """What can be read."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Parameters:
    """The header of a sealed stream."""

    salt: bytes
    prefix: bytes
    work: int = WORK
    block_size: int = BLOCK_SIZE
    parallel: int = PARALLEL

    @classmethod
    def fresh(cls) -> "Parameters":
        return cls(os.urandom(16), os.urandom(7))

    @property
    def header(self) -> bytes:
        numbers = (self.work, self.block_size, self.parallel)
        return HEADER.pack(SEALED, self.salt, self.prefix, *numbers)

    def cipher(self, passphrase: str) -> AESGCM:
        scrypt = Scrypt(
            salt=self.salt, length=32, n=1 << self.work, r=self.block_size, p=self.parallel
        )
        return AESGCM(scrypt.derive(passphrase.encode()))

    def nonce(self, number: int, *, last: bool) -> bytes:
        return self.prefix + struct.pack(">IB", number, last)


def parse(header: bytes) -> Parameters:
    """The parameters of a header; those that would take a machine's memory are refused."""
    magic, salt, prefix, work, block_size, parallel = HEADER.unpack(header)
    if magic != SEALED:
        raise damaged("it does not begin as a sealed backup does")
    bearable = 1 <= work <= 24 and 1 <= block_size <= 16 and 1 <= parallel <= 4
    if not bearable or 128 * block_size << work > MEMORY_BYTES:
        raise damaged("its key would take more memory than any of ours does")
    return Parameters(salt, prefix, work, block_size, parallel)


class Sealer:
    """Seals what is written and hands it on; close() seals the last chunk."""

    def __init__(self, write: Callable[[bytes], None], passphrase: str) -> None:
        self._write = write
        self._parameters = Parameters.fresh()
        self._cipher = self._parameters.cipher(passphrase)
        self._waiting = bytearray()
        self._number = 0
        write(self._parameters.header)

    def write(self, data: bytes) -> None:
        self._waiting += data
        while len(self._waiting) > CHUNK:  # never the last one: that may be what waits
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def close(self) -> None:
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, data: bytes, *, last: bool) -> None:
        nonce = self._parameters.nonce(self._number, last=last)
        self._write(self._cipher.encrypt(nonce, data, self._parameters.header))
        self._number += 1


class Opener:
    """Reads a sealed stream; PaasError for a wrong passphrase and for any change of it."""

    def __init__(self, source: Source, passphrase: str) -> None:
        self._source = source
        self._parameters = parse(source.read(HEADER.size))
        self._cipher = self._parameters.cipher(passphrase)
        self._sealed = source.read(CHUNK + TAG)
        self._number = 0

    def read(self, _size: int = -1, /) -> bytes:
        """The next chunk, of whatever size; b"" at the end."""
        if not self._sealed:
            return b""
        following = self._source.read(CHUNK + TAG)
        nonce = self._parameters.nonce(self._number, last=not following)
        try:
            data = self._cipher.decrypt(nonce, self._sealed, self._parameters.header)
        except InvalidTag:
            raise self._why() from None
        self._sealed, self._number = following, self._number + 1
        return data

    def _why(self) -> PaasError:
        if self._number == 0:
            return PaasError(
                "the passphrase is wrong, or the backup is damaged at its begin",
                "nothing was changed; give the passphrase it was made with",
            )
        return damaged(f"chunk {self._number} of it was changed, or its end cut off")
