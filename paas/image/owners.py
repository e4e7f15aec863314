"""Owners of a tree shifted from one range of ids to another, with what a change of owner drops.

Touches: the tree it is given, which nobody else may write to. Sources: chown(2), for the
set-id bits; capabilities(7), "Namespaced file capabilities".
"""

import os
import stat
import struct
from contextlib import suppress
from pathlib import Path

from paas.image.trees import walk
from paas.settings import UIDS_PER_SLOT

CAPABILITY = "security.capability"
# the revision with the id of the user namespace's root behind it (struct vfs_ns_cap_data)
NAMESPACED, REVISION, ROOT_AT = 0x03000000, 0xFF000000, 20
SET_ID = stat.S_ISUID | stat.S_ISGID


def shift(root: Path, before: int, after: int) -> None:
    """Have every owner at a place of the range from before on be at that place from after on."""
    if before == after:
        return
    for path, status in walk(root):
        owners = tuple(moved(one, before, after) for one in (status.st_uid, status.st_gid))
        if owners != (status.st_uid, status.st_gid):
            give(path, status, owners, after)


def moved(owner: int, before: int, after: int) -> int:
    return owner - before + after if before <= owner < before + UIDS_PER_SLOT else owner


def give(path: str, status: os.stat_result, owners: tuple[int, ...], root: int) -> None:
    """Change the owners of one file, and nothing else of it."""
    program = stat.S_ISREG(status.st_mode) and status.st_mode & 0o111
    capability = capability_of(path) if program else b""
    os.chown(path, owners[0], owners[1], follow_symlinks=False)
    if status.st_mode & SET_ID and not stat.S_ISLNK(status.st_mode):
        os.chmod(path, stat.S_IMODE(status.st_mode))  # noqa: PTH101 - hot
    if capability:
        os.setxattr(path, CAPABILITY, owned_by(capability, root), follow_symlinks=False)


def capability_of(path: str) -> bytes:
    """A program's file capabilities; b"" for none."""
    with suppress(OSError):
        return os.getxattr(path, CAPABILITY, follow_symlinks=False)
    return b""


def owned_by(capability: bytes, root: int) -> bytes:
    """The same capabilities, for user namespaces whose root is this id."""
    (magic,) = struct.unpack_from("<I", capability)
    if magic & REVISION != NAMESPACED:
        return capability
    return capability[:ROOT_AT] + struct.pack("<I", root)
