"""Members of a zip. Source: PKWARE's APPNOTE.TXT 6.3.10, by the standard library's zipfile."""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator

from lifecycle import unpack
from lifecycle.say import Failure

from sources.files import FILE, LINK, PROGRAM, Member, shown
from sources.stream import too_large

UNIX, DOS = 3, 0
ENCRYPTED = 1
CHUNK = 1 << 20
END, END_BYTES, COMMENT_BYTES = b"PK\x05\x06", 22, 1 << 16
# of the table of contents: a header and a name for each
ENTRY_BYTES = 600
ODD = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, ValueError)


def members(path: str, limit_bytes: int, limit_entries: int) -> Iterator[Member]:
    """Each file and link of the zip at a path; Failure for one that is damaged or a bomb."""
    refuse_endless(path, limit_entries)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if sum(info.file_size for info in infos) > limit_bytes:
                raise too_large(limit_bytes)
            for info in infos:
                if not info.is_dir():
                    yield member(archive, info)
    except ODD as error:
        raise damaged(error) from None


def refuse_endless(path: str, limit_entries: int) -> None:
    """Raise Failure for a table of contents that is too long to be read; each is at the end."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - END_BYTES - COMMENT_BYTES))
        tail = file.read()
    at = tail.rfind(END)
    table = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
    # 0xffffffff: the true size is elsewhere, as in a zip of very many or very large files
    if table > limit_entries * ENTRY_BYTES or (table == 0xFFFFFFFF):
        raise Failure(
            f"the zip has more than {limit_entries:,} files",
            "leave generated files and dependencies out of it",
        )


def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    """One of them, its content read when it is asked for."""
    path = unpack.checked_path(name(info))
    if info.flag_bits & ENCRYPTED:
        raise Failure(f"{shown(path)} is encrypted", "pack the archive without a password")
    kind = mode(info, path)
    return Member(path, kind, info.file_size, content(archive, info))


def name(info: zipfile.ZipInfo) -> str:
    """The member's path; some programs of DOS's heirs part folders with backslashes."""
    if info.create_system == DOS and "/" not in info.filename:
        return info.filename.replace("\\", "/")
    return info.filename


def mode(info: zipfile.ZipInfo, path: str) -> str:
    """Git's mode; only zips made on Unix know of programs and links."""
    bits = info.external_attr >> 16 if info.create_system == UNIX else 0
    kind = stat.S_IFMT(bits)
    if kind == stat.S_IFLNK:
        return LINK
    if kind not in (0, stat.S_IFREG):
        raise Failure(f"{shown(path)} is no file: only files, folders and links are deployed")
    return PROGRAM if bits & stat.S_IXUSR else FILE


def content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(info) as file:
        while piece := file.read(CHUNK):
            yield piece


def damaged(error: Exception) -> Failure:
    return Failure(f"the zip cannot be read: {str(error)[:200]}", "make it again")
