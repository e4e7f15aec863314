"""The archive: members one after the other, each hashed, and what must agree at its end.

    paas-backup.json    what it is (head.Head)
    <section>/...       what is kept, section by section
    SHA256SUMS          a line a file, as sha256sum(1) writes and checks them
    manifest.json       counts, and a hash of every byte before it (head.Manifest)

Touches: the temporary file it is given.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from paas.backup.descriptors import CHUNK
from paas.backup.head import HEAD, HEAD_BYTES, MANIFEST, SUMS, Checked, Count, Head, Manifest
from paas.backup.headers import decode
from paas.backup.members import BLOCK, END, Kind, Member, damaged, encode, refused
from paas.backup.sections import BY_NAME
from paas.backup.stream import Inlet, Outlet
from paas.errors import PaasError

LINE_BYTES = 64 << 10


def sums_line(path: str, digest: str) -> bytes:
    """A line of SHA256SUMS; line ends and backslashes in names escaped as sha256sum does."""
    name = path.encode(errors="surrogateescape")
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return b"%s%s  %s\n" % (b"\\" if escaped != name else b"", digest.encode(), escaped)


class Writer:
    """Writes members to an outlet; sums is an empty temporary file for its use."""

    def __init__(self, outlet: Outlet, sums: IO[bytes]) -> None:
        self._outlet = outlet
        self._sums = sums
        self._members: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def begin(self, head: Head) -> None:
        """The first member."""
        self.add_bytes(HEAD, head.encode())

    def add(self, member: Member) -> None:
        """A member without content."""
        self._outlet.write(encode(member))
        self._members[member.section] += 1

    def add_bytes(self, path: str, data: bytes) -> None:
        """A small file of ours."""
        self.add_file(Member(path, size=len(data)), [data])

    def add_file(self, member: Member, chunks: Iterable[bytes]) -> None:
        """A file; of its content the chunks must be exactly data_bytes."""
        self._outlet.write(encode(member))
        digest = hashlib.sha256()
        left = member.data_bytes
        for chunk in chunks:
            digest.update(chunk)
            self._outlet.write(chunk)
            left -= len(chunk)
        if left:
            raise PaasError(f"{member.path} has not the size it was said to have")
        self._outlet.write(bytes(-member.data_bytes % BLOCK))
        self._sums.write(sums_line(member.path, digest.hexdigest()))
        self._members[member.section] += 1
        self._bytes[member.section] += member.data_bytes

    def counts(self) -> dict[str, Count]:
        """What was written of each section so far."""
        return {
            name: Count(count, self._bytes[name])
            for name, count in self._members.items()
            if name in BY_NAME
        }

    def finish(
        self, layers: Sequence[str], left_out: Sequence[str], unsteady: Sequence[str]
    ) -> Manifest:
        """Sums and manifest, with the lists that are in it; nothing can be added after."""
        sums = self._write_sums()
        stream = self._outlet.stream.hexdigest()
        lists = (tuple(layers), tuple(left_out), tuple(unsteady))
        manifest = Manifest(stream, sums, self.counts(), *lists)
        self.add_bytes(MANIFEST, manifest.encode())
        self._outlet.write(END)
        self._outlet.close()
        return manifest

    def _write_sums(self) -> str:
        size = self._sums.tell()
        self._sums.seek(0)
        digest = hashlib.sha256()
        self._outlet.write(encode(Member(SUMS, size=size)))
        for chunk in iter(lambda: self._sums.read(min(CHUNK, size)), b""):
            digest.update(chunk)
            self._outlet.write(chunk)
        self._outlet.write(bytes(-size % BLOCK))
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an archive may bring: bytes of content, bytes with holes filled, entries."""

    bytes: int
    filled_bytes: int
    entries: int


@dataclass(slots=True)
class Brought:
    """What it has brought so far."""

    bytes: int = 0
    filled_bytes: int = 0
    entries: int = 0

    def count(self, member: Member, bounds: Bounds) -> None:
        """Raise PaasError once it is more than there is room for."""
        self.bytes += member.data_bytes
        self.filled_bytes += member.size
        self.entries += 1
        if self.bytes > bounds.bytes:
            raise PaasError(
                f"the backup holds more than the {bounds.bytes >> 20:,} MiB that are free here",
                "free some space, or restore on a larger disk; nothing was changed",
            )
        if self.filled_bytes > bounds.filled_bytes:
            raise PaasError(
                f"the backup's files have holes: filled, they would take more than the "
                f"{bounds.filled_bytes >> 20:,} MiB that are free here",
                "say --force if that is as it should be; nothing was changed",
            )
        if self.entries > bounds.entries:
            raise PaasError(
                f"the backup has more than {bounds.entries:,} entries, and the disk no room "
                "for them",
                "restore on a disk with more inodes; nothing was changed",
            )


class Content:
    """The content of the member that was read last."""

    def __init__(self, inlet: Inlet, size: int) -> None:
        self._inlet = inlet
        self._left = size
        self._padding = -size % BLOCK
        self._digest = hashlib.sha256()

    def chunks(self) -> Iterator[bytes]:
        """What is left of it."""
        while self._left:
            chunk = self._inlet.read(min(CHUNK, self._left))
            self._left -= len(chunk)
            self._digest.update(chunk)
            yield chunk

    def all(self, limit: int) -> bytes:
        """All of a small one."""
        if self._left > limit:
            raise damaged("a part of it is larger than it ever is")
        return b"".join(self.chunks())

    def end(self) -> str:
        """Read what nobody wanted; the SHA-256 of all of it."""
        for _ in self.chunks():
            pass
        if any(self._inlet.exactly(self._padding)):
            raise damaged("there is something between two files")
        self._padding = 0
        return self._digest.hexdigest()


class Reader:
    """Reads an archive's members and checks all that can be checked.

    sums is an empty temporary file for its use. Nothing that was read may be relied on
    before members() has come to its end: checked is there only then.
    """

    def __init__(self, inlet: Inlet, sums: IO[bytes], bounds: Bounds) -> None:
        self._inlet = inlet
        self._sums = sums
        self._bounds = bounds
        self._brought = Brought()
        self._members: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self.head = self._read_head()
        self.checked: Checked | None = None

    def _read_head(self) -> Head:
        member = decode(self._inlet.exactly)
        if member is None or member.path != HEAD:
            raise damaged(f"it does not begin with {HEAD}")
        content = Content(self._inlet, member.data_bytes)
        head = Head.decode(content.all(HEAD_BYTES))
        self._note(member, content.end())
        for name in head.sections:
            if name not in BY_NAME:
                raise PaasError(
                    f"the backup has a section {name[:40]!r} that this paas does not know",
                    f"it was made by paas {head.paas[:40]}: install that version",
                )
        return head

    def members(self) -> Iterator[tuple[Member, Content]]:
        """Every member of a section, in order; PaasError for the first thing that is wrong."""
        while (member := decode(self._inlet.exactly)) is not None:
            if member.path == SUMS:
                self.checked = Checked(self.head, self._read_end(member))
                return
            self._judge(member)
            content = Content(self._inlet, member.data_bytes if member.kind is Kind.FILE else 0)
            yield member, content
            digest = content.end()
            if member.kind is Kind.FILE:
                self._note(member, digest)
        raise damaged(f"it has no {SUMS}")

    def _judge(self, member: Member) -> None:
        if member.section not in self.head.sections:
            raise refused(member.path, "is in no section of it")
        BY_NAME[member.section].rule.check(member)
        self._brought.count(member, self._bounds)
        self._members[member.section] += 1
        self._bytes[member.section] += member.data_bytes

    def _note(self, member: Member, digest: str) -> None:
        self._sums.write(sums_line(member.path, digest))

    def _read_end(self, sums: Member) -> Manifest:
        found = self._compare_sums(sums)
        expected_stream = self._inlet.stream.hexdigest()
        member = decode(self._inlet.exactly)
        if member is None or member.path != MANIFEST:
            raise damaged(f"it has no {MANIFEST}")
        content = Content(self._inlet, member.data_bytes)
        manifest = Manifest.decode(content.all(HEAD_BYTES))
        content.end()
        if decode(self._inlet.exactly) is not None:
            raise damaged(f"something follows {MANIFEST}")
        self._inlet.end()
        if (manifest.sums, manifest.stream) != (found, expected_stream):
            raise damaged("its hash is not the one it was made with")
        if dict(manifest.sections) != self._counts():
            raise damaged("it has not as many members as it was made with")
        return manifest

    def _counts(self) -> dict[str, Count]:
        return {name: Count(count, self._bytes[name]) for name, count in self._members.items()}

    def _compare_sums(self, member: Member) -> str:
        """The hash of SHA256SUMS, every line of which is compared with what was read."""
        content = Content(self._inlet, member.data_bytes)
        self._sums.seek(0)
        for theirs in lines(content.chunks()):
            mine = self._sums.readline()
            if mine != theirs:
                name = mine.partition(b"  ")[2].decode(errors="replace").strip()
                raise damaged(f"{name[:200]!r} is not what it was made with")
        if self._sums.readline():
            raise damaged(f"{SUMS} has not every file")
        return content.end()


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends, however the chunks are cut."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in whole)
        if len(rest) > LINE_BYTES:
            raise damaged("a line is too long")
    if rest:
        yield rest
