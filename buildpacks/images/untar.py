"""One layer of an image, a tar, unpacked as overlayfs wants a layer to be.

A member that is not below the directory, or that would be written through a link, is
refused. Files that hide something below become the kernel's whiteouts (0/0 character
devices); directories that hide everything below are only named, since marking them takes
the daemon. Sources: OCI image spec 1.1, layer.md; overlayfs.rst, "whiteouts and opaque
directories"; pax headers SCHILY.xattr as in star(5).
"""

import contextlib
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from lifecycle.say import Failure

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
DEEPEST = 128
PATH_BYTES = 4096
NAME_BYTES = 255
IDS = range(65536)
CHUNK = 1 << 20
XATTR = "SCHILY.xattr."
KERNELS = ("dev", "proc", "sys")
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
IN_WORDS = {tarfile.CHRTYPE: "a device", tarfile.BLKTYPE: "a device"}


@dataclass
class Budget:
    """What all layers of an image may come to."""

    left_bytes: int
    left_entries: int

    def take(self, size: int, entries: int = 0) -> None:
        """Failure once more was taken than there is."""
        self.left_bytes -= size
        self.left_entries -= entries
        if self.left_bytes < 0:
            raise Failure("the image is larger than may be unpacked", "see images in the settings")
        if self.left_entries < 0:
            raise Failure("the image has more files than may be unpacked")


@dataclass
class Unpacking:
    """One layer on its way into a directory."""

    root: int
    budget: Budget
    opaque: list[str] = field(default_factory=list)
    times: list[tuple[str, float]] = field(default_factory=list)


def unpack(stream: BinaryIO, root: str, budget: Budget) -> list[str]:
    """Unpack one tar below root; the directories that hide what is below them."""
    descriptor = os.open(root, FOLDER)
    work = Unpacking(descriptor, budget)
    try:
        with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as tar:
            for member in tar:
                tar.members = []  # a stream need not be remembered
                put(work, tar, member)
        settle_times(work)
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise Failure(
            f"a layer of the image is no tar archive: {str(error).partition(':')[0]}"
        ) from None
    finally:
        os.close(descriptor)
    return work.opaque


def put(work: Unpacking, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    """One member, wherever it belongs."""
    parts = parts_of(member.name)
    work.budget.take(512, entries=1)
    if not parts:
        if member.isdir():
            dress(work.root, None, member)
        return
    with parent_of(work, parts) as folder:
        if parts[-1].startswith(WHITEOUT):
            hide(work, folder, parts)
        else:
            place(work, folder, parts, tar, member)


def parts_of(name: str) -> list[str]:
    """The path's components below the root, or Failure."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    raw = os.fsencode(name)
    if ".." in parts or b"\0" in raw:
        raise Failure(f"a layer of the image has a file outside of it: {shown(name)}")
    if len(raw) > PATH_BYTES or any(len(os.fsencode(part)) > NAME_BYTES for part in parts):
        raise Failure(f"a layer of the image has a file with too long a name: {shown(name)}")
    if len(parts) > DEEPEST:
        raise Failure(f"a layer of the image is nested too deeply: {shown(name)}")
    return parts


def shown(name: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in name[:200])


@contextlib.contextmanager
def parent_of(work: Unpacking, parts: list[str]) -> Iterator[int]:
    """The directory that a path is in, opened step by step and made where it is missing."""
    folder = os.dup(work.root)
    try:
        for part in parts[:-1]:
            below = enter(folder, part, "/".join(parts))
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)


def enter(folder: int, part: str, path: str) -> int:
    """A directory in a directory; Failure where it is a link or a file."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(part, 0o755, dir_fd=folder)
    try:
        return os.open(part, FOLDER, dir_fd=folder)
    except OSError:
        raise Failure(
            f"a layer of the image writes through something that is no directory: {shown(path)}"
        ) from None


# -- what hides --------------------------------------------------------------------------


def hide(work: Unpacking, folder: int, parts: list[str]) -> None:
    """A whiteout: of a name, or of everything below a directory."""
    name = parts[-1]
    if name == OPAQUE:
        work.opaque.append("/".join(parts[:-1]))
        return
    hidden = name.removeprefix(WHITEOUT)
    if hidden.startswith(WHITEOUT):
        return  # aufs's own notes
    if hidden in ("", ".", ".."):
        raise Failure(f"a layer of the image hides what cannot be hidden: {shown(name)}")
    with contextlib.suppress(FileExistsError):  # what the layer itself brings is not hidden
        os.mknod(hidden, stat.S_IFCHR, 0, dir_fd=folder)


# -- what is there -----------------------------------------------------------------------


def place(
    work: Unpacking, folder: int, parts: list[str], tar: tarfile.TarFile, member: tarfile.TarInfo
) -> None:
    """A file, directory or link, in place of what the layer had there before."""
    name, path = parts[-1], "/".join(parts)
    if len(parts) == 1 and name in KERNELS and not member.isdir():
        raise Failure(f"/{name} of the image is not a directory")
    if member.isdir():
        make_folder(folder, name)
        work.times.append((path, member.mtime))
    elif member.ischr() or member.isblk():
        if parts[0] != "dev":
            raise Failure(f"a layer of the image has a device in it: {shown(path)}")
        return  # /dev is the kernel's: nobody would see it
    else:
        clear(folder, name)
        if member.islnk():
            link(work, folder, name, member)
            return
        make(work, folder, name, tar, member)
    dress(folder, name, member)


def make_folder(folder: int, name: str) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=folder)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
            os.unlink(name, dir_fd=folder)
            os.mkdir(name, 0o755, dir_fd=folder)


def clear(folder: int, name: str) -> None:
    """Remove what is there under that name."""
    try:
        status = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode):
        os.unlink(name, dir_fd=folder)
        return
    below = os.open(name, FOLDER, dir_fd=folder)
    try:
        for entry in os.listdir(below):
            clear(below, entry)
    finally:
        os.close(below)
    os.rmdir(name, dir_fd=folder)


def make(
    work: Unpacking, folder: int, name: str, tar: tarfile.TarFile, member: tarfile.TarInfo
) -> None:
    """What is neither directory, device nor hard link."""
    if member.issym():
        os.symlink(member.linkname, name, dir_fd=folder)
    elif member.isfifo():
        os.mkfifo(name, 0o600, dir_fd=folder)
    elif member.isreg():
        work.budget.take(member.size)
        copy(tar, member, folder, name)
    else:
        raise Failure(
            f"a layer of the image has something in it that is no file: {shown(member.name)}"
        )


def copy(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: int, name: str) -> None:
    """A file's bytes; runs of zeros of a sparse one stay holes."""
    source = tar.extractfile(member)
    descriptor = os.open(name, NEW_FILE, 0o600, dir_fd=folder)
    try:
        size = 0
        while source and (data := source.read(CHUNK)):
            size += len(data)
            if member.issparse() and not data.strip(b"\0"):
                os.lseek(descriptor, len(data), os.SEEK_CUR)
            else:
                write_all(descriptor, data)
        if size != member.size:
            raise Failure(f"a layer of the image ends within {shown(member.name)}")
        os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def link(work: Unpacking, folder: int, name: str, member: tarfile.TarInfo) -> None:
    """Another name of a file that the layer brought before."""
    parts = parts_of(member.linkname)
    missing = Failure(
        f"{shown(member.name)} of the image is a link to {shown(member.linkname)}, "
        "which is no file of the same layer"
    )
    if not parts:
        raise missing
    try:
        with parent_of(work, parts) as source:
            if stat.S_ISDIR(os.lstat(parts[-1], dir_fd=source).st_mode):
                raise missing
            os.link(parts[-1], name, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        raise missing from None


# -- owners, modes, times ------------------------------------------------------------------


def dress(folder: int, name: str | None, member: tarfile.TarInfo) -> None:
    """Owner, mode, attributes and time of what was put; name None: of the folder itself."""
    if member.uid not in IDS or member.gid not in IDS:
        raise Failure(
            f"{shown(member.name)} of the image belongs to user {member.uid}, group {member.gid}; "
            "an app has ids up to 65535"
        )
    place = name or "."
    os.chown(place, member.uid, member.gid, dir_fd=folder, follow_symlinks=False)
    if not member.issym():  # it was made here, a moment ago, and nobody else is at work
        os.chmod(place, member.mode & 0o7777, dir_fd=folder)
    set_attributes(f"/proc/self/fd/{folder}/{place}", member)
    os.utime(place, ns=moment(member.mtime), dir_fd=folder, follow_symlinks=False)


def moment(mtime: float) -> tuple[int, int]:
    """A time as the kernel takes it, twice: for access and for change."""
    seconds = mtime if 0 <= mtime < 1 << 34 else 0
    return int(seconds * 10**9), int(seconds * 10**9)


def set_attributes(place: str, member: tarfile.TarInfo) -> None:
    """Extended attributes that mean something to programs; the overlay's own are not among them."""
    for key, value in member.pax_headers.items():
        name = key.removeprefix(XATTR)
        if name == key or not is_kept(name):
            continue
        data = value.encode("utf-8", "surrogateescape")
        with contextlib.suppress(OSError):
            os.setxattr(place, name, data, follow_symlinks=False)


def is_kept(name: str) -> bool:
    """Whether an attribute is carried: a program's own, or a file's capabilities."""
    mine = name.startswith("user.") and not name.startswith("user.overlay.")
    return mine or name == "security.capability"


def settle_times(work: Unpacking) -> None:
    """Directories' times at last: what was put into them since had changed them."""
    for path, mtime in work.times:
        with contextlib.suppress(OSError, Failure):
            parts = parts_of(path)
            with parent_of(work, parts) as folder:
                os.utime(parts[-1], ns=moment(mtime), dir_fd=folder, follow_symlinks=False)
