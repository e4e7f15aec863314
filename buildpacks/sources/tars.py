"""Members of a tar, one after the other as they come."""

from collections.abc import Iterator
from typing import BinaryIO

from lifecycle import unpack

from sources.files import FILE, FOLDER, LINK, PROGRAM, Member

KINDS = (unpack.FILE, unpack.LINK, unpack.FOLDER, unpack.HARD_LINK)


def members(stream: BinaryIO) -> Iterator[Member]:
    """Each of them; its content is to be read before the next one is asked for."""
    for entry in unpack.entries(stream, KINDS):
        if entry.kind == unpack.LINK:
            target = entry.link.encode(errors="surrogateescape")
            yield Member(entry.path, LINK, len(target), iter((target,)))
        elif entry.kind == unpack.HARD_LINK:
            same_as = unpack.checked_path(entry.link)
            yield Member(entry.path, mode(entry), 0, iter(()), same_as)
        elif entry.kind == unpack.FOLDER:
            yield Member(entry.path, FOLDER, 0, iter(()))
        else:
            pieces = unpack.content(stream, entry.size)
            yield Member(entry.path, mode(entry), entry.size, pieces)


def mode(entry: unpack.Entry) -> str:
    return PROGRAM if entry.executable else FILE
