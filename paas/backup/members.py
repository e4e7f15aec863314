"""Members of an archive as values, and their headers as bytes. Pure.

POSIX.1-2001 pax: ustar headers, each with an `x` header for what does not fit; star's
SCHILY.xattr for extended attributes, GNU's sparse format 1.0 (GNU tar manual, "Storing
Sparse Files"). GNU tar unpacks what is written; what is read must have this very form.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from paas.errors import PaasError

BLOCK = 512
SEGMENTS = 20_000
PATH_BYTES = 16 << 10
DEPTH = 256
NAME_BYTES = 255
XATTR = "SCHILY.xattr."
SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
SPARSE_NAME, SPARSE_SIZE = "GNU.sparse.name", "GNU.sparse.realsize"

Segments = tuple[tuple[int, int], ...]


class Kind(StrEnum):
    """What a member is; the value is ustar's type flag."""

    FILE = "0"
    TWIN = "1"  # a hard link: another name of an earlier file
    LINK = "2"  # a symbolic link
    WHITEOUT = "3"  # overlayfs' mark of what a layer deletes: a character device 0:0
    FOLDER = "5"
    PIPE = "6"


@dataclass(frozen=True, slots=True)
class Member:
    """One entry. segments: where in a sparse file there is data; None: everywhere."""

    path: str
    kind: Kind = Kind.FILE
    mode: int = 0o600
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    size: int = 0
    target: str = ""
    attributes: Mapping[str, bytes] = field(default_factory=dict)
    segments: Segments | None = None

    @property
    def section(self) -> str:
        """The first part of the path: which room's it is."""
        return self.path.partition("/")[0]

    @property
    def data_bytes(self) -> int:
        """Bytes of content that follow the header."""
        return self.size if self.segments is None else sum(length for _, length in self.segments)


def damaged(what: str) -> PaasError:
    """The error for an archive that is not as it was made."""
    return PaasError(f"the backup is damaged: {what}", "nothing was changed; take another backup")


def refused(path: str, why: str) -> PaasError:
    """The error for a member that no backup of ours has."""
    shown = path.encode(errors="replace").decode()[:200]
    return PaasError(f"the backup is not to be trusted: {shown!r} {why}", "nothing was changed")


# -- writing -------------------------------------------------------------------------------


def encode(member: Member) -> bytes:
    """The header; for a sparse file with its map, which is the begin of its content."""
    map_ = encode_map(member.segments) if member.segments is not None else b""
    stored = len(map_) + member.data_bytes if member.kind is Kind.FILE else 0
    records = b"".join(record(key, value) for key, value in extended(member, stored).items())
    name = os.fsencode(member.path)
    if member.kind is Kind.FOLDER:
        name += b"/"
    own = ustar(member, name[:100], stored)
    if not records:
        return own + map_
    extension = Member("PaxHeaders", mode=0o644, mtime_ns=member.mtime_ns)
    return ustar(extension, b"PaxHeaders", len(records), b"x") + padded(records) + own + map_


def extended(member: Member, stored: int) -> dict[str, bytes]:
    """What the ustar header has no room for, by pax key."""
    found: dict[str, bytes] = {}
    name, target = os.fsencode(member.path), os.fsencode(member.target)
    if not (name + target).isascii() and not is_text(name + target):
        found["hdrcharset"] = b"BINARY"
    if member.segments is not None:
        found |= {key: value.encode() for key, value in SPARSE.items()}
        found |= {SPARSE_NAME: name, SPARSE_SIZE: b"%d" % member.size}
    elif len(name) > 99 or not name.isascii():
        found["path"] = name
    if len(target) > 99 or not target.isascii():
        found["linkpath"] = target
    for key, value, most in (("uid", member.uid, 8**7), ("gid", member.gid, 8**7),
                             ("size", stored, 8**11)):  # fmt: skip
        if value >= most:
            found[key] = b"%d" % value
    if member.mtime_ns % 10**9 or not 0 <= member.mtime_ns < 8**11 * 10**9:
        found["mtime"] = encode_time(member.mtime_ns)
    found |= {XATTR + key: value for key, value in member.attributes.items()}
    return found


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def encode_time(mtime_ns: int) -> bytes:
    """Seconds with nine decimals; negative ones too."""
    sign, (seconds, rest) = "-" if mtime_ns < 0 else "", divmod(abs(mtime_ns), 10**9)
    return f"{sign}{seconds}.{rest:09}".encode()


def record(key: str, value: bytes) -> bytes:
    """`length key=value newline`, the length counting itself (pax(1))."""
    body = b" " + os.fsencode(key) + b"=" + value + b"\n"
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return b"%d" % length + body


def encode_map(segments: Segments) -> bytes:
    """GNU's map of a sparse file: how many segments, then offset and length of each."""
    numbers = [len(segments), *(number for segment in segments for number in segment)]
    return padded(b"".join(b"%d\n" % number for number in numbers))


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def ustar(member: Member, name: bytes, size: int, flag: bytes = b"") -> bytes:
    """One header block; what does not fit is 0 here and in an extended record."""
    seconds = member.mtime_ns // 10**9
    device = b"0000000\0" * 2 if member.kind is Kind.WHITEOUT else bytes(16)
    block = b"".join(
        (
            name.ljust(100, b"\0"),
            octal(member.mode, 8), octal(member.uid, 8), octal(member.gid, 8),
            octal(size, 12), octal(seconds, 12),
            b" " * 8,
            flag or member.kind.value.encode(),
            os.fsencode(member.target)[:99].ljust(100, b"\0"),
            b"ustar\x0000",
            bytes(64),
            device,
            bytes(167),
        )
    )  # fmt: skip
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def octal(value: int, width: int) -> bytes:
    fits = 0 <= value < 8 ** (width - 1)
    return b"%0*o\0" % (width - 1, value if fits else 0)


END = bytes(2 * BLOCK)
