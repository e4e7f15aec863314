"""Archive: tar or zip, from standard input or an address, becomes a commit of its files."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from lifecycle import say
from lifecycle.say import Failure

from sources import download, repository, tars, zips
from sources.files import FOLDER, Files, Member
from sources.importing import Importer
from sources.stream import Bounded, opened

SPOOL = "/work/archive"


def take(options: dict[str, Any]) -> dict[str, Any]:
    """Commit an archive's files on top of the app's branch; what came of it.

    A commit of the very files that the branch has already is not made.
    """
    repository.make()
    files = Files(options["bytes"], options["entries"])
    with source(options) as stream, Importer() as importer:
        for member in members(stream, options):
            files.admit(member)
            files.add(member, mark(member, files, importer))
        tree = importer.tree(files.settled(strip=options["strip"]))
    say.step(f"Read {files.words}")
    parent = options["parent"]
    if parent and repository.tree_of(parent) == tree:
        return {"commit": parent, "changed": False}
    now = int(time.time())
    signatures = [f"{options[key]} {now} +0000" for key in ("author", "committer")]
    made = repository.commit(tree, [parent] if parent else [], signatures, options["message"])
    repository.pack(made, [parent] if parent else [])
    return {"commit": made, "changed": True}


def mark(member: Member, files: Files, importer: Importer) -> int:
    """What the member's content is known by; a folder has none."""
    if member.mode == FOLDER:
        return 0
    if member.same_as:
        return files.mark_of(member.same_as)
    return importer.blob(member.size, member.pieces)


@contextmanager
def source(options: dict[str, Any]) -> Iterator[BinaryIO]:
    """The archive's bytes, however they come; more of them than are allowed are refused."""
    if not options["url"]:
        yield Bounded(sys.stdin.buffer, options["bytes"])
        return
    with download.opened(options["url"], options["login"]) as response:
        yield Bounded(response, options["bytes"])


def members(stream: BinaryIO, options: dict[str, Any]) -> Iterator[Member]:
    """Each file and link of the archive, whatever its kind is."""
    kind, data = opened(stream, options["type"], options["bytes"])
    if kind == "zip":
        spool(data)
        yield from zips.members(SPOOL, options["bytes"], options["entries"])
    else:
        yield from tars.members(data)


def spool(data: BinaryIO) -> None:
    """Zip's table of contents is at its end: the whole of it must be here first."""
    os.makedirs(os.path.dirname(SPOOL), exist_ok=True)
    with open(SPOOL, "wb") as file:
        while piece := data.read(1 << 20):
            file.write(piece)
    if not os.path.getsize(SPOOL):
        raise Failure("no archive came in", "pipe one: tar -c . | ...")
