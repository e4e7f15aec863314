"""A layer as the tar that other tools know: the same files give the same bytes.

Run in a process of its own: `python3 -m paas.image pack FILES BASE TAR`. Touches: the
layer's files, which nobody writes to, and the tar. Sources: OCI image spec 1.1, layer.md;
overlayfs.rst; capabilities(7) for the form of a file's capabilities.
"""

import hashlib
import io
import os
import stat
import struct
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from paas.errors import PaasError
from paas.image.owners import CAPABILITY, NAMESPACED, REVISION
from paas.settings import UIDS_PER_SLOT

WHITEOUT, OPAQUE_FILE = ".wh.", ".wh..wh..opq"
OPAQUE = "trusted.overlay.opaque"
PLAIN_REVISION = 0x02000000
PLAIN_BYTES = 20
PAX = "SCHILY.xattr."
NO_LINKS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Packed:
    """A layer's tar: its digest, which OCI calls the layer's diff id, and its size."""

    diff_id: str
    bytes: int


class Counted(io.RawIOBase):
    """Writes to a file, and knows what was written."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._digest = hashlib.sha256()
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._digest.update(data)
        self._size += len(data)
        return self._target.write(data)

    @property
    def packed(self) -> Packed:
        return Packed(f"sha256:{self._digest.hexdigest()}", self._size)


def pack(files: Path, uid_base: int, target: BinaryIO) -> Packed:
    """Write a layer's files, owned from uid_base on, as a tar."""
    counted = Counted(target)
    with tarfile.open(fileobj=counted, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        Packing(files, uid_base, tar).run()
    return counted.packed


class Packing:
    """One layer on its way into a tar."""

    def __init__(self, root: Path, uid_base: int, tar: tarfile.TarFile) -> None:
        self._root = os.fspath(root)
        self._base = uid_base
        self._tar = tar
        self._names: dict[tuple[int, int], str] = {}

    def run(self) -> None:
        """The root first, then everything in the order of names."""
        for name, status in everything(self._root):
            self._add(name, status)

    def _add(self, name: str, status: os.stat_result) -> None:
        """One entry, by what it is; sockets are left out: they mean nothing elsewhere."""
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            self._folder(name, status)
        elif kind == stat.S_IFREG:
            self._file(name, status)
        elif kind == stat.S_IFLNK:
            target = os.readlink(self._path(name))  # noqa: PTH115 - hot
            self._put(self._entry(name, status, tarfile.SYMTYPE, target))
        elif kind == stat.S_IFIFO:
            self._put(self._entry(name, status, tarfile.FIFOTYPE))
        elif kind == stat.S_IFCHR and status.st_rdev == 0:
            folder, _, last = name.rpartition("/")
            self._put(mark(f"{folder}/{WHITEOUT}{last}".lstrip("/")))

    def _folder(self, name: str, status: os.stat_result) -> None:
        self._put(self._entry(name or ".", status, tarfile.DIRTYPE))
        if is_opaque(self._path(name)):
            self._put(mark(f"{name}/{OPAQUE_FILE}".lstrip("/")))

    def _file(self, name: str, status: os.stat_result) -> None:
        identity = status.st_dev, status.st_ino
        if status.st_nlink > 1 and identity in self._names:
            self._put(self._entry(name, status, tarfile.LNKTYPE, self._names[identity]))
            return
        self._names[identity] = name
        entry = self._entry(name, status, tarfile.REGTYPE)
        entry.size = status.st_size
        descriptor = os.open(self._path(name), NO_LINKS)
        with os.fdopen(descriptor, "rb") as file:
            self._put(entry, file)

    def _entry(
        self, name: str, status: os.stat_result, kind: bytes, link: str = ""
    ) -> tarfile.TarInfo:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, link
        entry.mode = stat.S_IMODE(status.st_mode)
        entry.uid, entry.gid = self._inside(status.st_uid), self._inside(status.st_gid)
        entry.mtime = max(0, status.st_mtime_ns // 10**9)
        if kind != tarfile.LNKTYPE:
            entry.pax_headers = attributes(self._path(name if name != "." else ""))
        return entry

    def _put(self, entry: tarfile.TarInfo, file: BinaryIO | None = None) -> None:
        self._tar.addfile(entry, file)
        self._tar.members = []  # type: ignore[attr-defined]  # what is written need not be kept

    def _inside(self, owner: int) -> int:
        """The id as the container sees it."""
        if not self._base <= owner < self._base + UIDS_PER_SLOT:
            raise PaasError(f"a file of the layer {self._root} belongs to nobody of its app")
        return owner - self._base

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root


def everything(root: str) -> Iterator[tuple[str, os.stat_result]]:
    """Names below a root, relative to it, in order, each folder before what is in it; "" first."""
    pending = [""]
    while pending:
        name = pending.pop()
        status = os.lstat(f"{root}/{name}")
        yield name, status
        if stat.S_ISDIR(status.st_mode):
            entries = sorted(os.listdir(f"{root}/{name}"), key=os.fsencode, reverse=True)  # noqa: PTH208
            pending += [f"{name}/{entry}".lstrip("/") for entry in entries]


def mark(name: str) -> tarfile.TarInfo:
    """An empty file whose name says that something is hidden."""
    entry = tarfile.TarInfo(name)
    entry.mode = 0o644
    return entry


def is_opaque(path: str) -> bool:
    with suppress(OSError):
        return os.getxattr(path, OPAQUE, follow_symlinks=False) == b"y"
    return False


def attributes(path: str) -> dict[str, str]:
    """Extended attributes that mean something elsewhere, as pax headers, in order."""
    try:
        names = sorted(os.listxattr(path, follow_symlinks=False))
    except OSError:
        return {}
    found = {}
    for name in names:
        if name == CAPABILITY or (name.startswith("user.") and not name.startswith("user.overlay")):
            value = os.getxattr(path, name, follow_symlinks=False)
            data = plain(value) if name == CAPABILITY else value
            found[PAX + name] = data.decode("utf-8", "surrogateescape")
    return found


def plain(capability: bytes) -> bytes:
    """A file's capabilities without the id of the namespace that they count for."""
    (magic,) = struct.unpack_from("<I", capability)
    if magic & REVISION != NAMESPACED:
        return capability
    return struct.pack("<I", PLAIN_REVISION | (magic & ~REVISION)) + capability[4:PLAIN_BYTES]
