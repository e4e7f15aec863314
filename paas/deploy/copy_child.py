"""The child that packs and unpacks a caller's own files: `python3 -I -S copy_child.py ...`.

    pack DIRECTORY ENTRY NAME      DIRECTORY/ENTRY as a tar on standard output, called NAME
    unpack DIRECTORY NAME BYTES    a tar on standard input as DIRECTORY/NAME, and nothing else

What it packs or fills becomes its root first (chroot(2)): whatever is in a container's tar,
and whatever links lie there, lead nowhere else. Standard library only.
"""

import copy
import os
import shutil
import stat
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class RefusedError(Exception):
    """What is not made here."""


def pack(entry: str, name: str) -> None:
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        archive.add(entry, arcname=name)


def unpack(directory: str, name: str, most: int) -> None:
    """Into a new folder beside the target, of which one entry then takes the target's place."""
    place = os.open(directory, FOLDER)
    draft = Path(tempfile.mkdtemp(prefix=".copy-", dir=directory)).name
    try:
        inside = os.open(draft, FOLDER | os.O_NOFOLLOW, dir_fd=place)
        os.fchdir(inside)
        os.chroot(".")
        extract(name, most)
        os.rename(name, name, src_dir_fd=inside, dst_dir_fd=place)
    finally:
        shutil.rmtree(draft, dir_fd=place)


def extract(name: str, most: int) -> None:
    total = 0
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
        for member in archive:
            total += member.size
            if total > most:
                raise RefusedError(f"there is more than {most} bytes of it")
            archive.extract(harmless(renamed(member, name)))
    while sys.stdin.buffer.read(65536):  # what follows the end: its writer is not to fail
        continue


def harmless(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Files, directories and links, the caller's own, with plain permissions."""
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise RefusedError(f"{member.name[:200]} is neither a file, a directory nor a link")
    member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
    member.mode &= stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO
    return member


def renamed(member: tarfile.TarInfo, name: str) -> tarfile.TarInfo:
    """With its first folder, or itself, called name; hard links are to such names too."""
    found = copy.copy(member)
    found.name = top_called(member.name, name)
    if member.islnk():
        found.linkname = top_called(member.linkname, name)
    return found


def top_called(path: str, name: str) -> str:
    """A path with its first part called name; `./` before it counts for nothing."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/".join([name, *parts[1:]])


def main(words: list[str]) -> int:
    what, directory, *rest = words
    try:
        if what == "pack":
            os.chdir(directory)
            os.chroot(".")
            pack(*rest)
        else:
            unpack(directory, rest[0], int(rest[1]))
    except (OSError, tarfile.TarError, RefusedError, UnicodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
