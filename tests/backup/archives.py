"""Archives for tests: made by our own writer, or by hand where ours would refuse."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from paas.backup.archive import Bounds, Reader, Writer
from paas.backup.head import PLATFORM, AppEntry, Head, LayerEntry
from paas.backup.members import Kind, Member
from paas.backup.sections import BY_NAME
from paas.backup.stream import Inlet, Outlet
from paas.backup.tree import Notes, Tree
from paas.backup.unpack import Unpacker

ROOM = Bounds(1 << 40, 1 << 40, 1 << 20)
SETTINGS = {"uid_base": 1_000_000_000, "slots": 1023, "domain": "localhost"}


def head(
    sections: Sequence[str] = ("volumes",),
    apps: Sequence[AppEntry] = (),
    layers: Sequence[LayerEntry] = (),
    schema: str = "0001",
) -> Head:
    return Head(
        PLATFORM, "0.1.0", schema, "2026-01-31T12:00:00Z", "shop", SETTINGS, tuple(sections),
        tuple(apps), tuple(layers),
    )  # fmt: skip


def written(
    members: Iterable[tuple[Member, bytes]], of: Head | None = None, passphrase: str | None = None
) -> bytes:
    """An archive of these members, whatever they are."""
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as sums:
        writer = Writer(Outlet(file.fileno(), passphrase), sums)
        writer.begin(of or head())
        for member, content in members:
            if member.kind is Kind.FILE:
                writer.add_file(member, [content])
            else:
                writer.add(member)
        writer.finish((), (), ())
        return content_of(file)


def of_tree(folder: Path, name: str, section: str = "volumes") -> tuple[bytes, Notes]:
    """An archive of one volume, and what there was to tell of it."""
    notes = Notes()
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as sums:
        writer = Writer(Outlet(file.fileno()), sums)
        writer.begin(head((section,)))
        Tree(writer, BY_NAME[section].rule, notes).copy(folder, name, section)
        writer.finish((), notes.left_out, notes.unsteady)
        return content_of(file), notes


def content_of(file: IO[bytes]) -> bytes:
    return os.pread(file.fileno(), 1 << 30, 0)


@contextmanager
def opened(data: bytes, passphrase: str | None = None, bounds: Bounds = ROOM) -> Iterator[Reader]:
    """A reader of an archive."""
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as sums:
        file.write(data)
        file.flush()
        yield Reader(Inlet(file.fileno(), passphrase), sums, bounds)


def read(data: bytes, passphrase: str | None = None, bounds: Bounds = ROOM) -> list[Member]:
    """Every member; PaasError when the archive is not whole."""
    with opened(data, passphrase, bounds) as reader:
        found = [member for member, _ in reader.members()]
        assert reader.checked is not None
        return found


def unpacked(data: bytes, target: Path) -> None:
    """The archive's volumes below a folder, owners as they were."""
    (target / "volumes").mkdir(parents=True)
    top = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with opened(data) as reader:
            unpacker = Unpacker(top, lambda _member, number: number)
            for member, content in reader.members():
                unpacker.put(member, content.chunks())
            unpacker.close()
    finally:
        os.close(top)


def flipped(data: bytes, bit: int) -> bytes:
    """The same bytes but one bit."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
