"""What a layer's files say is installed in them: packages of Debian, Python, npm, Go and others.

Touches: reads the tree it is given, which hostile code made: regular files alone, each to a
bound, no link followed, no mount entered. Standard library only: it runs in an errand.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from paas.image import package_records as records
from paas.image.digest import OPENED, Entry, entries
from paas.image.package_archives import of_jar, of_program
from paas.image.package_records import Package

PACKAGES_AT_MOST = 50_000
TIME_S = 120.0
TEXT_LENGTH = 300
PROGRAM_BYTES = 64 << 10  # no Go program is smaller
OPAQUE = "trusted.overlay.opaque"

Reader = Callable[[BinaryIO, str], Iterator[Package]]


def inventory(root: Path) -> dict[str, Any]:
    """Packages of a layer, by the files that tell of them, and what it hides of layers below.

    {"files": {path: [[type, name, version, [licence, ...]], ...]}, "hidden": [path, ...],
    "whole": whether all was looked at}. Raises OSError for a tree that cannot be read.
    """
    files: dict[str, list[list[Any]]] = {}
    hidden: list[str] = []
    count, deadline = 0, time.monotonic() + TIME_S
    for entry in entries(root):
        path = os.fsdecode(entry.path).lstrip("/")
        if hides(entry):
            hidden.append(path)
        elif stat.S_ISREG(entry.status.st_mode) and (reader := reader_of(path, entry.status)):
            found = [shown(one) for one in packages(entry, path, reader)]
            count += len(found)
            if found or reader is not of_program:
                files[path] = found
        if count > PACKAGES_AT_MOST or time.monotonic() > deadline:
            return {"files": files, "hidden": hidden, "whole": False}
    return {"files": files, "hidden": hidden, "whole": True}


def hides(entry: Entry) -> bool:
    """Whether an entry has layers below not be seen: overlayfs' mark for removed, or opaque."""
    mode = entry.status.st_mode
    if stat.S_ISCHR(mode):
        return entry.status.st_rdev == 0
    if not stat.S_ISDIR(mode) or not entry.path:
        return False
    try:
        path = b"/proc/self/fd/%d/%s" % (entry.directory, entry.name)
        return os.getxattr(path, OPAQUE, follow_symlinks=False) == b"y"
    except OSError:
        return False


def reader_of(path: str, status: os.stat_result) -> Reader | None:
    """What reads a file of this path; None for most."""
    for pattern, reader in records.READERS:
        if pattern.search(path):
            return reader
    if path.endswith((".jar", ".war", ".ear")):
        return of_jar
    if status.st_mode & 0o111 and status.st_size > PROGRAM_BYTES:
        return of_program
    return None


def packages(entry: Entry, path: str, reader: Reader) -> list[Package]:
    """What a file tells; nothing where it cannot be understood."""
    try:
        descriptor = os.open(entry.name, OPENED, dir_fd=entry.directory)
    except OSError:
        return []
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return []
        try:
            found = dict.fromkeys(one for one in reader(file, path) if one.name)
        except records.NOT_UNDERSTOOD:
            return []
    return list(found)[:PACKAGES_AT_MOST]


def shown(package: Package) -> list[Any]:
    """A package as JSON has it, its text bounded and printable."""
    licenses = [clean(one) for one in package.licenses][:10]
    return [package.type, clean(package.name), clean(package.version), licenses]


def clean(text: str) -> str:
    return "".join(one for one in text[:TEXT_LENGTH] if one.isprintable())
