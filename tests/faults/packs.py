"""A pack that unfolds to far more than it weighs, and a client that sends it as it is.

Sources: gitformat-pack(5), gitprotocol-pack(5).
"""

import hashlib
import struct
import subprocess
import zlib

from tests.faults.stage import Done, Stage

BLOB, COMMIT, REF_DELTA = 3, 1, 7
BASE = bytes(0xFFFFFF)
# copy all of the base: an offset of 0, and three bytes of size
COPY = b"\xf0\xff\xff\xff"


def bomb(unfolded_bytes: int) -> tuple[bytes, str]:
    """A pack of some kilobytes with one object of that size, and the id of its commit."""
    base = hashlib.sha1(b"blob %d\0" % len(BASE) + BASE).digest()
    copies = unfolded_bytes // len(BASE)
    delta = varint(len(BASE)) + varint(copies * len(BASE)) + COPY * copies
    text = f"tree {'0' * 40}\nauthor a <a@a> 1 +0000\ncommitter a <a@a> 1 +0000\n\nx\n".encode()
    objects = [
        entry(BLOB, BASE),
        entry(REF_DELTA, delta, before=base),
        entry(COMMIT, text),
    ]
    pack = b"PACK" + struct.pack(">II", 2, len(objects)) + b"".join(objects)
    commit = hashlib.sha1(b"commit %d\0" % len(text) + text).hexdigest()
    return pack + hashlib.sha1(pack).digest(), commit


def entry(kind: int, content: bytes, before: bytes = b"") -> bytes:
    size = len(content)
    head = bytearray([kind << 4 | size & 15])
    size >>= 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    return bytes(head) + before + zlib.compress(content, 9)


def varint(number: int) -> bytes:
    found = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        found.append(low | (0x80 if number else 0))
        if not number:
            return bytes(found)


def send(stage: Stage, app: str, pack: bytes, old: str, new: str) -> Done:
    """Push a pack past git's own client, which would look at it first."""
    line = f"{old} {new} refs/heads/main\0report-status".encode()
    request = b"%04x" % (len(line) + 4) + line + b"0000" + pack
    return subprocess.run(
        [*stage.instance.ssh_to, f"git-receive-pack '/{app}'"],
        input=request,
        capture_output=True,
        timeout=120,
    )
