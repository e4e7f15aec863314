"""The end of a backup's file: its own length, in a frame that zstd skips.

So that one that is cut short is known without reading it (RFC 8878, "Skippable Frames").
"""

import os
import struct

from paas.backup.members import damaged
from paas.errors import PaasError

ZSTD = b"\x28\xb5\x2f\xfd"
SEALED = b"paas sealed 1\r\n\x00"
FOOTER = struct.Struct("<II8sQ")
FRAME, WORD = 0x184D2A5F, b"paas end"


def footer(payload_bytes: int) -> bytes:
    """What follows so many bytes."""
    return FOOTER.pack(FRAME, FOOTER.size - 8, WORD, payload_bytes)


def payload_bytes(descriptor: int) -> int:
    """Bytes before the footer; PaasError when this is no backup, or not all of one."""
    size = os.fstat(descriptor).st_size
    begin = os.pread(descriptor, len(SEALED), 0)
    if not begin.startswith(ZSTD) and begin != SEALED:
        raise PaasError("this is no backup of paas", "give a file that paas backup made")
    before = max(0, size - FOOTER.size)
    if os.pread(descriptor, FOOTER.size, before) != footer(before):
        raise damaged("it is cut short")
    return before


def is_sealed(descriptor: int) -> bool:
    """Whether a passphrase is needed."""
    return os.pread(descriptor, len(SEALED), 0) == SEALED
