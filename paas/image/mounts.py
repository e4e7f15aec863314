"""Mount system calls: trees cloned, idmapped, stacked and attached.

Touches: the mount namespace of the daemon, through ctypes. The only module that does.
Sources: mount_setattr(2), fsopen(2), move_mount(2), and Linux's
Documentation/filesystems/overlayfs.rst. Errors are OSError.
"""

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
LIBC.mount.argtypes = [
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
]
LIBC.umount2.argtypes = [ctypes.c_char_p, ctypes.c_int]

# the numbers are the same on every architecture (asm-generic/unistd.h)
OPEN_TREE, MOVE_MOUNT, FSOPEN, FSCONFIG, FSMOUNT, MOUNT_SETATTR = 428, 429, 430, 431, 432, 442

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
OPEN_TREE_CLONE = 1
MOVE_MOUNT_F_EMPTY_PATH = 4
FSOPEN_CLOEXEC = FSMOUNT_CLOEXEC = 1
SET_FLAG, SET_STRING, SET_FD, CREATE = 0, 1, 5, 6
MS_BIND = 4096
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8

READ_ONLY = 1
NO_SETUID = 2
NO_DEVICES = 4
NO_PROGRAMS = 8
IDMAP = 0x00100000

FREEZE, THAW = 0xC0045877, 0xC0045878  # FIFREEZE, FITHAW (linux/fs.h)


def call(number: int, *arguments: int | bytes | None, what: str) -> int:
    """One system call; OSError naming what it was done to."""
    wide = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in arguments]
    result = int(LIBC.syscall(ctypes.c_long(number), *wide))
    if result < 0:
        raise failure(what)
    return result


def failure(what: str) -> OSError:
    """The OSError for the errno that libc left."""
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what)


@contextmanager
def opened(descriptor: int) -> Iterator[int]:
    """The descriptor, closed at the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def clone_tree(path: Path, *, recursive: bool = False) -> int:
    """A detached copy of the mount at path; the caller closes it or attaches it."""
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC | (AT_RECURSIVE if recursive else 0)
    return call(OPEN_TREE, AT_FDCWD, os.fsencode(path), flags, what=f"open_tree {path}")


def clone_opened(directory: int) -> int:
    """A detached copy of an open directory, without what is mounted in it."""
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC | AT_EMPTY_PATH
    return call(OPEN_TREE, directory, b"", flags, what="open_tree")


def set_attributes(tree: int, attributes: int, user_namespace: int = 0) -> None:
    """Set mount attributes (READ_ONLY, NO_DEVICES, ..., IDMAP with a namespace) on a tree."""
    packed = struct.pack("QQQQ", attributes, 0, 0, user_namespace)
    call(MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, packed, len(packed), what="mount_setattr")


def attach(tree: int, target: Path) -> None:
    """Make a detached tree visible at target."""
    path = os.fsencode(target)
    call(MOVE_MOUNT, tree, b"", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH, what=f"mount {target}")


def idmapped_tree(path: Path, user_namespace: int, attributes: int = 0) -> int:
    """A detached copy of path whose owners are shifted by the namespace's map."""
    tree = clone_tree(path)
    try:
        set_attributes(tree, IDMAP | attributes, user_namespace)
    except OSError:
        os.close(tree)
        raise
    return tree


def bind(source: Path, target: Path, *, read_only: bool = False) -> None:
    """Show a file or directory at target."""
    with opened(clone_tree(source, recursive=True)) as tree:
        if read_only:
            set_attributes(tree, READ_ONLY)
        attach(tree, target)


def pin(source: Path, target: Path) -> None:
    """Keep a namespace (/proc/<pid>/ns/...) alive as the file target, made here."""
    target.touch(mode=0o600)
    try:
        if LIBC.mount(os.fsencode(source), os.fsencode(target), None, MS_BIND, None) < 0:
            raise failure(f"bind {target}")
    except OSError:
        target.unlink()
        raise


def unpin(target: Path) -> None:
    """Let a pinned namespace go. Idempotent."""
    unmount(target)
    target.unlink(missing_ok=True)


def unmount(target: Path) -> bool:
    """Detach what is mounted at target, once; False when nothing is."""
    if LIBC.umount2(os.fsencode(target), MNT_DETACH | UMOUNT_NOFOLLOW) == 0:
        return True
    if ctypes.get_errno() in (errno.EINVAL, errno.ENOENT):
        return False
    raise failure(f"umount {target}")


def unmount_idle(target: Path) -> None:
    """Unmount what is mounted at target, all of it written; OSError (EBUSY) while it is used."""
    if LIBC.umount2(os.fsencode(target), UMOUNT_NOFOLLOW) < 0:
        raise failure(f"umount {target}")


def unmount_below(root: Path) -> None:
    """Detach everything that is mounted in a tree, what was mounted last first."""
    start = os.fsencode(root) + b"/"
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_bytes().splitlines()]
    for point in reversed([one for one in points if one.startswith(start)]):
        unmount(Path(os.fsdecode(point)))


def mount_filesystem(
    kind: str, target: Path, options: Sequence[tuple[str, str | int]], attributes: int = 0
) -> None:
    """Mount a new filesystem. An int option is a descriptor, "" a flag, other text a value.

    Raises OSError; EINVAL when the kernel does not know an option.
    """
    with opened(call(FSOPEN, os.fsencode(kind), FSOPEN_CLOEXEC, what=f"fsopen {kind}")) as context:
        for key, value in options:
            configure(context, key, value)
        call(FSCONFIG, context, CREATE, None, None, 0, what=f"create {kind} for {target}")
        with opened(call(FSMOUNT, context, FSMOUNT_CLOEXEC, attributes, what=kind)) as tree:
            attach(tree, target)


def configure(context: int, key: str, value: str | int) -> None:
    """Give a filesystem context one option."""
    name = key.encode()
    if isinstance(value, int):
        call(FSCONFIG, context, SET_FD, name, None, value, what=f"option {key}")
    elif value:
        call(FSCONFIG, context, SET_STRING, name, value.encode(), 0, what=f"option {key}")
    else:
        call(FSCONFIG, context, SET_FLAG, name, None, 0, what=f"option {key}")


def mount_classic(kind: str, target: Path, flags: int, data: str) -> None:
    """mount(2), for what older kernels cannot take through fsconfig."""
    name = kind.encode()
    if LIBC.mount(name, os.fsencode(target), name, flags, data.encode()) < 0:
        raise failure(f"mount {kind} {target}")


@contextmanager
def frozen_filesystem(point: Path) -> Iterator[None]:
    """A mounted filesystem whole on its device, whoever writes to it held up, for the block."""
    with opened(os.open(point, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as descriptor:
        fcntl.ioctl(descriptor, FREEZE, 0)
        try:
            yield
        finally:
            fcntl.ioctl(descriptor, THAW, 0)


def thaw_filesystem(point: Path) -> None:
    """Let a filesystem go on that somebody who died has frozen. Idempotent."""
    with opened(os.open(point, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as descriptor:
        try:
            fcntl.ioctl(descriptor, THAW, 0)
        except OSError as error:
            if error.errno != errno.EINVAL:  # it was not frozen
                raise


def device_at(point: Path) -> Path | None:
    """The block device mounted at a path last; None when nothing is."""
    found = None
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        if words[4] == str(point):
            found = Path(words[words.index("-") + 2])
    return found
