"""A digest of what a layer holds: equal for two directories that overlayfs would show alike.

Of every entry: path, kind, mode, owners (as places in the layer's range), device number,
link target, extended attributes and content, in order of names; which names are one file.
Not of times, since the same packages installed twice differ in nothing else; nor of the
times that Python keeps in compiled modules, as long as they are those of their sources.

Touches: reads the tree it is given. Hostile code made it: nothing but regular files and
directories is opened, no link is followed, no mount entered, however deep it goes.
"""

import errno
import hashlib
import os
import re
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paas.image.descend import enter

CHUNK = 1 << 20
RANGE = 65536
BLOCK = 512  # of st_blocks
OPENED = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOATIME
CAPABILITY = b"security.capability"
ROOT_AT = 20  # struct vfs_ns_cap_data: where the id of the user namespace's root is
# a module that Python has compiled, and its header (PEP 3147, PEP 552)
COMPILED = re.compile(rb"/__pycache__/([^/]+)\.[a-z]+-[0-9]+(?:\.opt-[12])?\.pyc$")
HEADER = 16
# what overlayfs notes for itself: where a file was copied from, whose upper it was
BOOKKEEPING = re.compile(rb"trusted\.overlay\.(origin|impure|nlink|uuid|upper|protattr)")
ACCESS_LISTS = b"system.posix_acl"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a directory that is open; path is relative to the layer's root."""

    directory: int
    name: bytes
    path: bytes
    status: os.stat_result


def digest(root: Path, uid_base: int) -> str:
    """`sha256:...` of a directory whose files are owned from uid_base on.

    Raises OSError for what cannot be read, or is mounted upon.
    """
    total = hashlib.sha256(b"paas layer 1\0")
    names: dict[int, bytes] = {}
    for entry in entries(root):
        first = names.setdefault(entry.status.st_ino, entry.path)
        if first != entry.path:
            total.update(framed(entry.path, b"another name of", first))
        else:
            total.update(framed(*described(entry, uid_base)))
    return f"sha256:{total.hexdigest()}"


def framed(*parts: bytes) -> bytes:
    """Parts with their lengths, so that no two lists of parts look alike."""
    return b"".join(struct.pack("<Q", len(part)) + part for part in (*parts, b""))


def entries(root: Path) -> Iterator[Entry]:
    """A directory and everything below it, folder by folder, in order of names."""
    parent = os.open(root.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        top = enter(parent, root.name)
    finally:
        os.close(parent)
    stack = [(top, b"", iter(names(top)))]
    try:
        yield Entry(top, b".", b"", os.fstat(top))
        while stack:
            directory, path, left = stack[-1]
            name = next(left, None)
            if name is None:
                os.close(stack.pop()[0])
                continue
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            below = path + b"/" + name
            yield Entry(directory, name, below, status)
            if stat.S_ISDIR(status.st_mode):
                inner = enter(directory, name)
                stack.append((inner, below, iter(names(inner))))
    finally:
        for directory, _, _ in stack:
            os.close(directory)


def names(directory: int) -> list[bytes]:
    return sorted(os.fsencode(name) for name in os.listdir(directory))


def described(entry: Entry, uid_base: int) -> Iterator[bytes]:
    """What one entry is, part by part."""
    status = entry.status
    yield entry.path
    owners = (place(status.st_uid, uid_base), place(status.st_gid, uid_base))
    yield struct.pack("<QQQ", status.st_mode, *owners)
    if stat.S_ISLNK(status.st_mode):
        yield os.readlink(entry.name, dir_fd=entry.directory)
    elif stat.S_ISREG(status.st_mode):
        yield content(entry)
    elif stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        yield struct.pack("<Q", status.st_rdev)
    yield from attributes(entry, uid_base)


def place(owner: int, uid_base: int) -> int:
    """An owner's place in the layer's range; owners outside of it stay as they are, far above."""
    return owner - uid_base if uid_base <= owner < uid_base + RANGE else owner + (1 << 32)


def content(entry: Entry) -> bytes:
    found = hashlib.sha256()
    descriptor = os.open(entry.name, OPENED, dir_fd=entry.directory)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "changed while it was read", os.fsdecode(entry.path))
        if CHUNK < status.st_size > status.st_blocks * BLOCK:
            for part in data(descriptor, status.st_size):
                found.update(part)
            return found.digest()
        if compiled := COMPILED.search(entry.path):
            found.update(timeless(file.read(HEADER), source_of(entry, compiled[1])))
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.digest()


def data(descriptor: int, size: int) -> Iterator[bytes]:
    """What is written of a file with holes: a file of petabytes costs what it takes on disk.

    Each stretch comes with its place, so the same bytes with other holes are another content.
    """
    yield struct.pack("<Q", size)
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield struct.pack("<QQ", start, end - start)
        while start < end and (chunk := os.pread(descriptor, min(CHUNK, end - start), start)):
            start += len(chunk)
            yield chunk


def source_of(entry: Entry, module: bytes) -> os.stat_result | None:
    """The status of the module that a file in a `__pycache__` was compiled from."""
    try:
        return os.stat(b"../%s.py" % module, dir_fd=entry.directory, follow_symlinks=False)
    except OSError:
        return None


def timeless(header: bytes, source: os.stat_result | None) -> bytes:
    """A compiled module's header; the time in it left out when it is its source's."""
    if source is None or len(header) < HEADER:
        return header
    magic, flags, time, size = struct.unpack("<4sIII", header)
    is_its = stat.S_ISREG(source.st_mode) and (time, size) == (
        int(source.st_mtime) & 0xFFFFFFFF,
        source.st_size & 0xFFFFFFFF,
    )
    return magic + b"of its source" if is_its and not flags else header


def attributes(entry: Entry, uid_base: int) -> Iterator[bytes]:
    """Extended attributes, those of the kernel included, and what overlayfs goes by."""
    # by way of the open directory; the last name is not followed
    path = b"/proc/self/fd/%d/%s" % (entry.directory, entry.name)
    for name in sorted(map(os.fsencode, os.listxattr(path, follow_symlinks=False))):
        if BOOKKEEPING.fullmatch(name):
            continue
        value = os.getxattr(path, name, follow_symlinks=False)
        if name == CAPABILITY and len(value) > ROOT_AT:
            (root,) = struct.unpack_from("<I", value, ROOT_AT)
            value = value[:ROOT_AT] + struct.pack("<Q", place(root, uid_base))
        elif name.startswith(ACCESS_LISTS):
            value += struct.pack("<Q", uid_base)  # it names ids of this range
        yield name
        yield value
