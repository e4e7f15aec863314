"""A folder that others may write to, read into an archive while they do.

Touches: the folder, reading. No link is followed, nothing but regular files and folders is
opened, and what goes away meanwhile is left out. A file that changes while it is read is
read again; the last copy of it in the archive counts.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from paas.backup.archive import Writer
from paas.backup.descriptors import CHUNK
from paas.backup.members import (
    BLOCK,
    DEPTH,
    NAME_BYTES,
    PATH_BYTES,
    SEGMENTS,
    Kind,
    Member,
    Segments,
)
from paas.backup.sections import Rule
from paas.errors import PaasError

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
ATTEMPTS = 3
AGAIN_BYTES = 256 << 20  # a larger file that changes is read once
HOLE_BYTES = 64 << 10  # smaller holes are written as zeros
NOTES = 1000


class Gone(PaasError):
    """What must not go away did."""


@dataclass(slots=True)
class Notes:
    """What is told at the end: what was left out and why, and what may be torn."""

    left_out: list[str] = field(default_factory=list)
    unsteady: list[str] = field(default_factory=list)

    def leave_out(self, path: str, why: str) -> None:
        self._add(self.left_out, f"{shown(path)}: {why}")

    def torn(self, path: str) -> None:
        self._add(self.unsteady, shown(path))

    def _add(self, notes: list[str], text: str) -> None:
        if len(notes) < NOTES:
            notes.append(text)


def shown(path: str) -> str:
    """A path as text, whatever bytes it has."""
    return path.encode(errors="surrogateescape").decode(errors="replace")[:500]


@dataclass(frozen=True, slots=True)
class Folder:
    """An open folder, its name in the archive, and the entries of it that are still to come."""

    descriptor: int
    name: str
    entries: Iterator[str]


@dataclass(slots=True)
class Tree:
    """Copies trees of one section. still: nobody changes them, so nothing of them may go away.

    grows: its files are only ever added to, as logs are; what they have at first is taken.
    """

    writer: Writer
    rule: Rule
    notes: Notes
    still: bool = False
    grows: bool = False
    _names: dict[tuple[int, int], str] = field(default_factory=dict)

    def copy(self, parent: Path, entry: str, name: str) -> None:
        """Write an entry of a folder, and all that is in it, below a name of the archive."""
        try:
            descriptor = os.open(parent, FOLDER_FLAGS)
        except FileNotFoundError:
            self._gone(name)
            return
        folders = [Folder(descriptor, name, iter([entry]))]
        try:
            while folders:
                one = next(folders[-1].entries, None)
                if one is None:
                    os.close(folders.pop().descriptor)
                elif (below := self._entry(folders[-1], one)) is not None:
                    folders.append(below)
        finally:
            for left in folders:
                os.close(left.descriptor)

    def _entry(self, folder: Folder, entry: str) -> Folder | None:
        """Write one entry; the folder it is, when it is one."""
        path = f"{folder.name}/{entry}"
        try:
            status = os.stat(entry, dir_fd=folder.descriptor, follow_symlinks=False)
            return self._by_kind(folder, entry, path, status)
        except FileNotFoundError:
            self._gone(path)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
                raise
            self._gone(path)  # something else has its name by now
        return None

    def _by_kind(
        self, folder: Folder, entry: str, path: str, status: os.stat_result
    ) -> Folder | None:
        kind = kind_of(status)
        if kind is None or kind not in self.rule.kinds:
            self.notes.leave_out(path, why_not(status))
        elif too_long(path) or path.count("/") >= self.rule.depth:
            self.notes.leave_out(path, "it lies too deep, or its path is too long")
        elif kind is Kind.FOLDER:
            return self._folder(folder, entry, path)
        elif kind is Kind.FILE:
            self._file(folder, entry, path)
        else:
            target = os.readlink(entry, dir_fd=folder.descriptor) if kind is Kind.LINK else ""
            self.writer.add(self._member(path, kind, status, target=target))
        return None

    def _folder(self, folder: Folder, entry: str, path: str) -> Folder:
        descriptor = os.open(entry, FOLDER_FLAGS, dir_fd=folder.descriptor)
        try:
            status = os.fstat(descriptor)
            self.writer.add(self._member(path, Kind.FOLDER, status, descriptor))
            return Folder(descriptor, path, iter(names(descriptor)))
        except BaseException:
            os.close(descriptor)
            raise

    def _file(self, folder: Folder, entry: str, path: str) -> None:
        descriptor = os.open(entry, FILE_FLAGS, dir_fd=folder.descriptor)
        try:
            status = os.fstat(descriptor)
            key = (status.st_dev, status.st_ino)
            if not stat.S_ISREG(status.st_mode):
                self._gone(path)
            elif key in self._names and Kind.TWIN in self.rule.kinds:
                member = self._member(path, Kind.TWIN, status, target=self._names[key])
                self.writer.add(member)
            else:
                if status.st_nlink > 1:
                    self._names[key] = path
                self._content(descriptor, path)
        finally:
            os.close(descriptor)

    def _content(self, descriptor: int, path: str) -> None:
        """The file, again as long as it changed while it was read."""
        for _ in range(ATTEMPTS):
            before = os.fstat(descriptor)
            segments = data_segments(descriptor, before)
            member = self._member(path, Kind.FILE, before, descriptor, segments=segments)
            self.writer.add_file(member, chunks(descriptor, member))
            if self.grows or version(os.fstat(descriptor)) == version(before):
                return
            if before.st_size > AGAIN_BYTES:
                break
        self.notes.torn(path)

    def _member(
        self,
        path: str,
        kind: Kind,
        status: os.stat_result,
        descriptor: int | None = None,
        *,
        target: str = "",
        segments: Segments | None = None,
    ) -> Member:
        owned = self.rule.owned
        return Member(
            path,
            kind,
            self.rule.mode(status.st_mode),
            status.st_uid if owned else 0,
            status.st_gid if owned else 0,
            status.st_mtime_ns,
            status.st_size if kind is Kind.FILE else 0,
            target,
            {} if descriptor is None else self._attributes(descriptor),
            segments,
        )

    def _attributes(self, descriptor: int) -> dict[str, bytes]:
        if not self.rule.owned:
            return {}
        names = [name for name in os.listxattr(descriptor) if self.rule.keeps(name)]
        return {name: os.getxattr(descriptor, name) for name in names}

    def _gone(self, path: str) -> None:
        if self.still:
            raise Gone(f"{shown(path)} went away while it was copied")


def names(folder: int) -> list[str]:
    """What is in an open folder."""
    with os.scandir(folder) as scan:
        return sorted(entry.name for entry in scan)


KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.FOLDER,
    stat.S_IFLNK: Kind.LINK,
    stat.S_IFIFO: Kind.PIPE,
}


def kind_of(status: os.stat_result) -> Kind | None:
    """What an entry is in an archive; None for what cannot be in one."""
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        return Kind.WHITEOUT
    return KINDS.get(stat.S_IFMT(status.st_mode))


def why_not(status: os.stat_result) -> str:
    if stat.S_ISSOCK(status.st_mode):
        return "it is a socket, which its program makes anew"
    return "it is a device" if kind_of(status) is None else "it has no place there"


def too_long(path: str) -> bool:
    parts = path.split("/")
    too_deep = len(parts) > DEPTH or len(os.fsencode(path)) > PATH_BYTES
    return too_deep or len(os.fsencode(parts[-1])) > NAME_BYTES


def version(status: os.stat_result) -> tuple[int, ...]:
    """Changes whenever a file's content does."""
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def data_segments(descriptor: int, status: os.stat_result) -> Segments | None:
    """Where there is data in a file with holes; None for a file without any worth the while.

    Whole blocks of the archive, the last one aside: GNU tar begins each segment at one.
    """
    size = status.st_size
    if status.st_blocks * 512 >= size or size < HOLE_BYTES:
        return None
    found: list[tuple[int, int]] = []
    end = 0
    while (start := seek(descriptor, end, os.SEEK_DATA, size)) < size:
        end = seek(descriptor, start, os.SEEK_HOLE, size)
        start, end = start - start % BLOCK, min(size, end + -end % BLOCK)
        if found and start - sum(found[-1]) < HOLE_BYTES:
            start = found.pop()[0]
        found.append((start, end - start))
        if len(found) > SEGMENTS:
            return None
    return tuple(found)


def seek(descriptor: int, place: int, what: int, size: int) -> int:
    """The next data or hole at or after a place; the size where there is none."""
    try:
        return os.lseek(descriptor, place, what)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return size


def chunks(descriptor: int, member: Member) -> Iterator[bytes]:
    """The content a member says it has; zeros for what was cut off meanwhile."""
    for start, length in member.segments if member.segments is not None else ((0, member.size),):
        place = start
        while (left := start + length - place) > 0:
            data = os.pread(descriptor, min(CHUNK, left), place) or bytes(min(CHUNK, left))
            place += len(data)
            yield data
