"""Headers of members read again: strictly in the form that members.encode gives them. Pure."""

import os
from collections.abc import Callable, Mapping

from paas.backup.members import (
    BLOCK,
    DEPTH,
    NAME_BYTES,
    PATH_BYTES,
    SEGMENTS,
    SPARSE_NAME,
    SPARSE_SIZE,
    XATTR,
    Kind,
    Member,
    Segments,
    damaged,
    encode_map,
    refused,
)

RECORDS_BYTES = 1 << 20
IDS = (1 << 32) - 2
SECONDS = 10**11  # some thousand years
PLAIN_KEYS = {"path", "linkpath", "size", "uid", "gid", "mtime", "hdrcharset"}
KNOWN_KEYS = {*PLAIN_KEYS, "GNU.sparse.major", "GNU.sparse.minor", SPARSE_NAME, SPARSE_SIZE}

Read = Callable[[int], bytes]  # exactly so many bytes, or PaasError


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
    kind, path, target = names_of(block, records)
    stored = decimal(records, "size", number(block[124:136]))
    if (stored or SPARSE_SIZE in records) and kind is not Kind.FILE:
        raise refused(path, "has content, and is no file")
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


def names_of(block: bytes, records: Mapping[str, bytes]) -> tuple[Kind, str, str]:
    """What a member is, its path, and where it leads."""
    flag = flag_of(block)
    if flag not in list(Kind):
        raise refused(text_of(block[:100]), "is of a kind that is never in a backup")
    kind = Kind(flag)
    name = os.fsdecode(records.get(SPARSE_NAME, records.get("path", b"")))
    path = checked_path((name or text_of(block[:100])).removesuffix("/"))
    target = os.fsdecode(records.get("linkpath", b"")) or text_of(block[157:257])
    if kind is Kind.WHITEOUT and (number(block[329:337]), number(block[337:345])) != (0, 0):
        raise refused(path, "is a device")
    if kind is Kind.TWIN and unit_of(checked_path(target)) != unit_of(path):
        raise refused(path, "is a name of a file elsewhere")
    return kind, path, target


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
