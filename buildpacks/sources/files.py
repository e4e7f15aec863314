"""The files of an archive, judged together: how many, how large, and whether their names fit."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lifecycle.say import Failure

from sources.stream import too_large

FILE, PROGRAM, LINK, FOLDER = "100644", "100755", "120000", "040000"  # git's modes
LINK_BYTES = 4096
# what macOS puts beside the files it packs
ASIDE = "__MACOSX"
# names that some filesystem takes for .git (git's own path.c and utf8.c)
GITS_OWN = frozenset((".git", "git~1"))
IGNORABLE = frozenset(map(chr, (*range(0x200C, 0x2010), *range(0x202A, 0x202F),
                                *range(0x206A, 0x2070), 0xFEFF)))  # fmt: skip


class Member(NamedTuple):
    """One file or link: its path, git's mode, and its content, which has so many bytes.

    same_as: the path of an earlier member with the same content, of a hard link.
    """

    path: str
    mode: str
    size: int
    pieces: Iterator[bytes]
    same_as: str = ""


class Files:
    """What was read so far: mode and mark by path."""

    def __init__(self, bytes_: int, entries: int) -> None:
        self._limit_bytes = bytes_
        self._limit_entries = entries
        self._bytes = 0
        self._count = 0
        self._found: dict[str, tuple[str, int]] = {}

    @property
    def words(self) -> str:
        count = len(self._found)
        return f"{count:,} file{'' if count == 1 else 's'}, {self._bytes / (1 << 20):,.1f} MiB"

    def admit(self, member: Member) -> None:
        """Raise Failure for what is too much, or a name that cannot be, before it is read."""
        self._bytes += member.size
        if self._bytes > self._limit_bytes:
            raise too_large(self._limit_bytes)
        self._count += 1
        if self._count > self._limit_entries:
            raise Failure(
                f"the archive has more than {self._limit_entries:,} files",
                "leave generated files and dependencies out of it",
            )
        if member.path in self._found:
            raise Failure(f"the archive has two files named {shown(member.path)}", "keep one")
        if member.mode == LINK and member.size > LINK_BYTES:
            raise Failure(f"the link {shown(member.path)} is {member.size:,} bytes long")
        refuse_gits_own(member.path)

    def add(self, member: Member, mark: int) -> None:
        """Remember one; folders are there by what is in them."""
        if member.mode != FOLDER:
            self._found[member.path] = (member.mode, mark)

    def mark_of(self, path: str) -> int:
        """The mark of an earlier file's content; Failure when there is none."""
        mode, mark = self._found.get(path, ("", 0))
        if mode not in (FILE, PROGRAM):
            raise Failure(f"a hard link leads to {shown(path)}, which is no file before it")
        return mark

    def settled(self, *, strip: bool) -> Mapping[str, tuple[str, int]]:
        """All of them, once there are no more; strip: without the one folder they lie in."""
        found = {path: what for path, what in self._found.items() if not aside(path)}
        if not found:
            raise Failure("the archive has no files", "pack your app's files")
        refuse_two_things(found)
        tops = {path.partition("/")[0] for path in found}
        if strip and len(tops) == 1 and all("/" in path for path in found):
            return {path.partition("/")[2]: what for path, what in found.items()}
        return found


def aside(path: str) -> bool:
    return path.partition("/")[0] == ASIDE


def refuse_two_things(found: Mapping[str, object]) -> None:
    """What has something in it is a folder, and nothing else."""
    for path in found:
        above = path
        while above := above.rpartition("/")[0]:
            if above in found:
                raise Failure(
                    f"{shown(above)} is both a folder and something else in the archive",
                    "rename one",
                )


def refuse_gits_own(path: str) -> None:
    """Raise Failure for what git, here or where it is cloned to, would take for its own."""
    for part in path.split("/"):
        plain = "".join(one for one in part if one not in IGNORABLE).lower().rstrip(". ")
        if plain in GITS_OWN or plain.startswith(".git::$"):
            raise Failure(
                f"{shown(path)} is git's own and no file of an app",
                "leave it out of the archive: tar -c --exclude=.git .",
            )


def shown(path: str) -> str:
    return path[:200] if path.isprintable() else ascii(path[:200])
