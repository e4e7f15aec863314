"""Unpacking the commit: a tar stream, perhaps hostile, into an empty directory.

We run inside the sandbox as the app's user, so what is refused here is refused to
give a clear sentence and to stay within bounds. Reads ustar with pax and GNU long
names, which is what `git archive` and `tar` write (POSIX.1-2017 pax, "ustar
Interchange Format"); the standard library's tarfile costs 150 us a file, this 40.
"""

import os
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from lifecycle.say import Failure

BLOCK = 512
MAX_ENTRIES = 200_000
MAX_BYTES = 1 << 30
MAX_EXTENSION_BYTES = 1 << 20
MAX_PATH_BYTES = 4096
CHUNK = 1 << 20
FILE, HARD_LINK, LINK, FOLDER = b"0", b"1", b"2", b"5"
KINDS = (FILE, LINK, FOLDER)
INTERPRETER = re.compile(r"(?:^|/)bin/(?:python|pypy)[\d.]*$")
REFUSED = {HARD_LINK: "a hard link", b"3": "a device", b"4": "a device", b"6": "a named pipe"}


class Entry:
    """One member of the archive: its relative path, kind, and for a link its target."""

    def __init__(self, path: str, kind: bytes, size: int, mode: int, mtime: int, link: str) -> None:
        self.path = path
        self.kind = kind
        self.size = size
        self.executable = bool(mode & 0o100)
        self.mtime = mtime
        self.link = link


def unpack(
    stream: BinaryIO,
    target: str,
    *,
    wanted: Callable[[str], bool] = lambda path: True,  # noqa: ARG005 - the default takes all
) -> int:
    """Unpack what is wanted below target and return how many files and links that were.

    Raises Failure naming the first entry that cannot be unpacked.
    """
    tree = Tree(target)
    count = total = unpacked = 0
    for entry in entries(stream):
        count += 1
        total += entry.size
        if count > MAX_ENTRIES:
            raise Failure(f"the source has more than {MAX_ENTRIES:,} files", "deploy fewer files")
        if total > MAX_BYTES:
            raise Failure(f"the source is larger than {MAX_BYTES >> 20} MiB", "deploy less")
        if not wanted(entry.path):
            skip(stream, entry.size)
            continue
        tree.add(entry, stream)
        unpacked += entry.kind != FOLDER
    return unpacked


class Tree:
    """The directory being filled: which folders exist and which names are links."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.folders = {""}

    def add(self, entry: Entry, stream: BinaryIO) -> None:
        if entry.kind == FOLDER:
            self.folder(entry.path)
            return
        if entry.kind == LINK and is_interpreter(entry):
            return
        self.folder(os.path.dirname(entry.path))
        path = os.path.join(self.target, entry.path)
        if entry.kind == LINK:
            refuse_escaping(entry)
            replacing(lambda: os.symlink(entry.link, path), path, entry.path)
        else:
            self.file(entry, path, stream)

    def folder(self, path: str) -> None:
        """Make a folder and those above it; a link in their place is refused, never followed."""
        if path in self.folders:
            return
        self.folder(os.path.dirname(path))
        full = os.path.join(self.target, path)
        try:
            os.mkdir(full, 0o755)
        except FileExistsError:
            if os.path.islink(full) or not os.path.isdir(full):
                raise two_things(path) from None
        self.folders.add(path)

    def file(self, entry: Entry, path: str, stream: BinaryIO) -> None:
        mode = 0o755 if entry.executable else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = replacing(lambda: os.open(path, flags, mode), path, entry.path)
        try:
            for data in content(stream, entry.size):
                write_all(descriptor, data)
            os.utime(descriptor, (entry.mtime, entry.mtime))
        finally:
            os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def replacing(make, path: str, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Call make, once more without what stood at path if something did."""
    try:
        return make()
    except FileExistsError:
        if os.path.isdir(path) and not os.path.islink(path):
            raise two_things(name) from None
        os.unlink(path)
        return make()


def two_things(name: str) -> Failure:
    return Failure(f"{name} is both a folder and something else in the source", "rename one")


def is_interpreter(entry: Entry) -> bool:
    """Whether a link is a virtual environment's to the Python of the machine it was made on.

    Committed by mistake, it leads nowhere here; left out, the rest can be told by its name.
    """
    absolute = entry.link.startswith("/")
    return absolute and bool(INTERPRETER.search(entry.path) and INTERPRETER.search(entry.link))


def refuse_escaping(entry: Entry) -> None:
    target = os.path.normpath(os.path.join(os.path.dirname(entry.path), entry.link))
    if entry.link.startswith("/") or target == ".." or target.startswith("../"):
        raise Failure(
            f"the symbolic link {entry.path} points outside the repository ({entry.link[:200]})",
            "link to a file of the repository, or make the link when the app starts",
        )


# -- the archive's format ------------------------------------------------------------


def entries(stream: BinaryIO, kinds: tuple[bytes, ...] = KINDS) -> Iterator[Entry]:
    """Each member in turn; the caller reads its content before asking for the next.

    Raises Failure for one that is of none of these kinds.
    """
    overrides: dict[str, str] = {}
    while True:
        header = exactly(stream, BLOCK)
        if not header.rstrip(b"\0"):
            drain(stream)
            return
        check(header)
        kind, size = header[156:157], number(header[124:136])
        if kind in (b"x", b"g", b"L", b"K"):
            overrides.update(extension(stream, kind, size))
            continue
        yield entry(header, kind, size, overrides, kinds)
        overrides = {}


def entry(
    header: bytes,
    kind: bytes,
    size: int,
    overrides: dict[str, str],
    kinds: tuple[bytes, ...],
) -> Entry:
    """The member a header describes, with what extension headers said before it."""
    kind = FILE if kind in (b"\0", b"7") else kind
    path = overrides.get("path") or ustar_path(header)
    if kind == FILE and path.endswith("/"):
        kind = FOLDER
    path = checked_path(path)
    if kind not in kinds:
        what = REFUSED.get(kind, f"of the unknown kind {kind!r}")
        raise Failure(f"{path} is {what}: only files, folders and links are deployed")
    if kind == FILE:
        size = int(overrides.get("size", size))
    link = overrides.get("linkpath") or text(header[157:257])
    mtime = int(float(overrides.get("mtime", number(header[136:148]))))
    return Entry(path, kind, size if kind == FILE else 0, number(header[100:108]), mtime, link)


def extension(stream: BinaryIO, kind: bytes, size: int) -> dict[str, str]:
    """What a pax or GNU extension header says of the next member."""
    if size > MAX_EXTENSION_BYTES:
        raise Failure("the source archive has an oversized header")
    data = b"".join(content(stream, size))
    if kind == b"L":
        return {"path": text(data)}
    if kind == b"K":
        return {"linkpath": text(data)}
    return pax(data) if kind == b"x" else {}  # a global one is git's comment


def pax(data: bytes) -> dict[str, str]:
    """Records of the form `length key=value\\n`."""
    found = {}
    while data:
        length, _, _ = data.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(data):
            raise Failure("the source archive has a broken pax header")
        key, _, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        found[text(key)] = text(value)
        data = data[int(length) :]
    return found


def checked_path(path: str) -> str:
    """The path relative to the tree's root, or Failure."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts and path.strip("./") == "":
        return ""
    if path.startswith("/") or ".." in parts or len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise Failure(f"the source has a file with the path {path[:200]!r}", "rename it")
    return "/".join(parts)


def ustar_path(header: bytes) -> str:
    name, prefix = text(header[:100]), text(header[345:500])
    return f"{prefix}/{name}" if prefix and header[257:262] == b"ustar" else name


def check(header: bytes) -> None:
    expected = number(header[148:156])
    if sum(header) - sum(header[148:156]) + 8 * 32 != expected:
        raise Failure("what was sent as the source is not a tar archive")


def number(field: bytes) -> int:
    """Octal digits, or GNU's base 256 for what they cannot hold."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        raise Failure("what was sent as the source is not a tar archive") from None


def text(field: bytes) -> str:
    return os.fsdecode(field.partition(b"\0")[0])


# -- the stream ----------------------------------------------------------------------


def content(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """A member's bytes, its padding read too."""
    left = size
    while left > 0:
        data = stream.read(min(left, CHUNK))
        if not data:
            raise cut_short()
        left -= len(data)
        yield data
    exactly(stream, -size % BLOCK)


def skip(stream: BinaryIO, size: int) -> None:
    for _ in content(stream, size):
        pass


def exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise cut_short()
    return data


def drain(stream: BinaryIO) -> None:
    """Read to the end: who writes the archive must not meet a closed pipe."""
    while stream.read(CHUNK):
        pass


def cut_short() -> Failure:
    return Failure("the source archive ended early", "send or push it again")
