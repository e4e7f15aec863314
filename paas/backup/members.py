"""Members of an archive as values, and their headers as bytes. Pure.

POSIX.1-2001 pax: ustar headers, each with an `x` header for what does not fit; star's
SCHILY.xattr for extended attributes, GNU's sparse format 1.0 (GNU tar manual, "Storing
Sparse Files"). GNU tar unpacks what is written; what is read must have this very form.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from paas.errors import PaasError

BLOCK = 512
RECORDS_BYTES = 1 << 20
SEGMENTS = 20_000
PATH_BYTES = 16 << 10
DEPTH = 256
NAME_BYTES = 255
IDS = (1 << 32) - 2
SECONDS = 10**11  # some thousand years
XATTR = "SCHILY.xattr."
SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
SPARSE_NAME, SPARSE_SIZE = "GNU.sparse.name", "GNU.sparse.realsize"
PLAIN_KEYS = {"path", "linkpath", "size", "uid", "gid", "mtime", "hdrcharset"}
KNOWN_KEYS = {*PLAIN_KEYS, *SPARSE, SPARSE_NAME, SPARSE_SIZE}

Read = Callable[[int], bytes]  # exactly so many bytes, or PaasError
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


# -- reading -------------------------------------------------------------------------------


def decode(read: Read) -> Member | None:
    """The next member, its content (data_bytes and padding) still to be read; None at the end."""
    block = read(BLOCK)
    if not any(block):
        if any(read(BLOCK)):
            raise damaged("its end is not an end")
        return None
    records: dict[str, bytes] = {}
    if flag_of(block) == "x":
        size = number(block[124:136])
        if size > RECORDS_BYTES:
            raise damaged("a header is too long")
        records = decode_records(read(size))
        read(-size % BLOCK)
        block = read(BLOCK)
    return member_of(block, records, read)


def flag_of(block: bytes) -> str:
    """The type flag of a header block that is whole."""
    unsigned = block[:148] + b" " * 8 + block[156:]
    if block[257:265] != b"ustar\x0000" or number(block[148:156]) != sum(unsigned):
        raise damaged("a header is not whole")
    return block[156:157].decode("latin-1")


def number(text: bytes) -> int:
    digits = text.rstrip(b"\0 ")
    if not digits or digits.strip(b"01234567"):
        raise damaged("a header has no number where one belongs")
    return int(digits, 8)


def decode_records(data: bytes) -> dict[str, bytes]:
    """Extended records by key; each of them known, none twice."""
    found: dict[str, bytes] = {}
    place = 0
    while place < len(data):
        digits, space, _ = data[place : place + 20].partition(b" ")
        if not space or not digits.isdigit():
            raise damaged("an extended header is not whole")
        one = data[place : place + int(digits)]
        key, equals, value = one[len(digits) + 1 :].partition(b"=")
        name = os.fsdecode(key)
        if len(one) != int(digits) or not equals or value[-1:] != b"\n" or name in found:
            raise damaged("an extended header is not whole")
        if name not in KNOWN_KEYS and not name.startswith(XATTR):
            raise damaged(f"there is no extended header {name[:40]!r}")
        found[name] = value[:-1]
        place += len(one)
    return found


def member_of(block: bytes, records: Mapping[str, bytes], read: Read) -> Member:
    """The member of a header block and its extended records."""
    flag = flag_of(block)
    if flag not in list(Kind):
        raise refused(text_of(block[:100]), "is of a kind that is never in a backup")
    kind = Kind(flag)
    stored = decimal(records, "size", number(block[124:136]))
    path = os.fsdecode(records.get(SPARSE_NAME, records.get("path", b""))) or text_of(block[:100])
    checked_path(path := path.removesuffix("/"))
    if kind is Kind.WHITEOUT and (number(block[329:337]), number(block[337:345])) != (0, 0):
        raise refused(path, "is a device")
    if (stored or SPARSE_SIZE in records) and kind is not Kind.FILE:
        raise refused(path, "has content, and is no file")
    target = os.fsdecode(records.get("linkpath", b"")) or text_of(block[157:257])
    if kind is Kind.TWIN and unit_of(checked_path(target)) != unit_of(path):
        raise refused(path, "is a name of a file elsewhere")
    segments = decode_map(read, stored) if SPARSE_SIZE in records else None
    size = decimal(records, SPARSE_SIZE, stored)
    if segments is not None and not fit(segments, size, stored):
        raise damaged(f"the map of {path[:200]!r} makes no sense")
    owners = (
        decimal(records, "uid", number(block[108:116])),
        decimal(records, "gid", number(block[116:124])),
    )
    if max(owners) > IDS:
        raise damaged(f"{path[:200]!r} is owned by an id that cannot be")
    return Member(
        path,
        kind,
        number(block[100:108]) & 0o7777,
        *owners,
        decode_time(records.get("mtime"), number(block[136:148])),
        size,
        target,
        {key.removeprefix(XATTR): value for key, value in records.items() if XATTR in key},
        segments,
    )


def unit_of(path: str) -> list[str]:
    """Section and entry of a path: what is put back as one."""
    return path.split("/")[:2]


def text_of(name: bytes) -> str:
    return os.fsdecode(name.partition(b"\0")[0])


def decimal(records: Mapping[str, bytes], key: str, default: int) -> int:
    """A record that is a number; the default where there is none."""
    text = records.get(key)
    return default if text is None else whole(text)


def whole(text: bytes | bytearray) -> int:
    if not text.isdigit() or len(text) > 18:
        raise damaged("a header has no number where one belongs")
    return int(text)


def decode_time(text: bytes | None, default: int) -> int:
    """Nanoseconds of a record, or of whole seconds where there is none."""
    if text is None:
        return default * 10**9
    sign = -1 if text.startswith(b"-") else 1
    seconds, _, rest = text.lstrip(b"-").partition(b".")
    whole_time = seconds.isdigit() and len(rest) == 9 and rest.isdigit()
    if not whole_time or len(seconds) > 15 or int(seconds) > SECONDS:
        raise damaged("a time is not a time")
    return sign * (int(seconds) * 10**9 + int(rest))


def decode_map(read: Read, stored: int) -> Segments:
    """The map at the begin of a sparse file's content; the number of its blocks is bounded."""
    text = bytearray(read(BLOCK) if stored >= BLOCK else b"0\n")
    count = whole(text.partition(b"\n")[0])
    lines = text.count(b"\n")
    while count <= SEGMENTS and lines < 1 + 2 * count and len(text) + BLOCK <= stored:
        block = read(BLOCK)
        lines += block.count(b"\n")
        text += block
    if lines < 1 + 2 * count:
        raise damaged("a sparse file has no map")
    values = [whole(one) for one in text.split(b"\n")[1 : 1 + 2 * count]]
    return tuple(zip(values[::2], values[1::2], strict=True))


def fit(segments: Segments, size: int, stored: int) -> bool:
    """Whether segments lie in order within the size, and are what is stored beside their map."""
    end = 0
    for offset, length in segments:
        if offset < end or offset + length > size:
            return False
        end = offset + length
    content = sum(length for _, length in segments)
    return stored == content + len(encode_map(segments)) and len(segments) <= SEGMENTS


def checked_path(path: str) -> str:
    """The path, when it is relative, plain and of a bearable length."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise refused(path, "is not a path below the backup")
    too_long = len(os.fsencode(path)) > PATH_BYTES or len(parts) > DEPTH
    if too_long or any(len(os.fsencode(part)) > NAME_BYTES for part in parts):
        raise refused(path, "is too long a path")
    return path
