"""An app's own page for the time of its maintenance: a tar archive with maintenance.html.

Pure: the archive is read in memory and never unpacked.
"""

import hashlib
import io
import re
import tarfile
from collections.abc import Iterator, Mapping

from paas.errors import UsageError

PAGE = "maintenance.html"
MOST_BYTES, MOST_FILES = 2 << 20, 200
# what the proxy serves; each part of a path begins with a letter, a digit or _
PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
NAME = re.compile(rf"(?:{PART}/)*{PART}\.[a-z][A-Za-z0-9]*")


def files_of(data: bytes) -> dict[str, bytes]:
    """The archive's files by name; UsageError for what cannot be served."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
            found = dict(regular(archive))
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise UsageError(
            f"that is no tar archive: {str(error).partition(':')[0]}",
            "send one with maintenance.html in it: tar c maintenance.html | paas "
            "maintenance:custom-page APP",
        ) from error
    return checked(found)


def regular(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Names and contents, no more of them than are taken."""
    room = MOST_BYTES
    for member in archive:
        if member.isdir():
            continue
        if not member.isreg():
            raise UsageError(f"{member.name[:80]!r} is no regular file")
        if (room := room - member.size) < 0:
            raise UsageError(f"the files have more than {MOST_BYTES >> 20} MiB together")
        content = archive.extractfile(member)
        yield member.name.removeprefix("./"), content.read() if content else b""


def checked(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files, when each one could be asked for and the page is among them."""
    if len(files) > MOST_FILES:
        raise UsageError(f"a page has at most {MOST_FILES} files")
    for name in files:
        if not NAME.fullmatch(name) or len(name) > 200:
            raise UsageError(
                f"{name[:80]!r} cannot be served",
                "use letters, digits and . _ - in names that end in .html, .css, .png and the like",
            )
    if PAGE not in files:
        raise UsageError(f"there is no {PAGE} in it", "put it at the top of the archive")
    if sum(map(len, files.values())) > MOST_BYTES:
        raise UsageError(f"the files have more than {MOST_BYTES >> 20} MiB together")
    return dict(files)


def digest_of(files: Mapping[str, bytes]) -> str:
    """What files of this content are called."""
    content = hashlib.sha256()
    for name, data in sorted(files.items()):
        content.update(f"{name} {len(data)}\n".encode() + data)
    return content.hexdigest()[:32]
