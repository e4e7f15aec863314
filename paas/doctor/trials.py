"""Tries each kernel feature once, in namespaces of its own that end with the process.

Run as a program (`python3 trials.py <directory>`), never imported by the daemon: it
leaves the caller's namespaces before it touches anything. Standard library only and
no other program, so that it tells the truth before any package is installed. Prints a
JSON object: feature -> "" when it works, else why not. directory is an empty one on the
filesystem that will hold the state. Sources: unshare(2), mount_setattr(2), fsopen(2),
rtnetlink(7), Linux's uapi headers for netfilter.
"""

import ctypes
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
# the numbers are the same on every architecture (asm-generic/unistd.h)
OPEN_TREE, MOVE_MOUNT, FSOPEN, FSCONFIG, FSMOUNT, MOUNT_SETATTR = 428, 429, 430, 431, 432, 442
NEWNS, NEWNET, NEWUSER = 0x20000, 0x40000000, 0x10000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
TREE_CLONE, EMPTY_PATH, IDMAP = 1, 0x1000, 0x100000
SET_STRING, SET_FD, CREATE = 1, 5, 6
RANGE = 1_000_000_000  # any range of uids will do: no file is ever made with one


def checked(result: int, what: str) -> int:
    """The result of a libc call, or the OSError it left."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def system_call(number: int, *arguments: object, what: str) -> int:
    """A system call that libc has no name for."""
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return checked(int(LIBC.syscall(ctypes.c_long(number), *wide)), what)


def mount(source: bytes, target: Path, kind: bytes, flags: int, data: bytes = b"") -> None:
    """Mount a filesystem."""
    checked(LIBC.mount(source, bytes(target), kind, ctypes.c_ulong(flags), data), "mount")


def user_namespace() -> int:
    """A descriptor of a new user namespace mapped to RANGE, held by a child until it is open."""
    ready_read, ready_write = os.pipe()
    child = os.fork()
    if child == 0:
        status = LIBC.unshare(NEWUSER)
        os.write(ready_write, b"1" if status == 0 else b"0")
        signal.pause()
    try:
        if os.read(ready_read, 1) != b"1":
            raise OSError("unshare(CLONE_NEWUSER) was refused")
        for kind in ("uid_map", "gid_map"):
            Path(f"/proc/{child}/{kind}").write_text(f"0 {RANGE} 65536\n")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready_read)
        os.close(ready_write)


def idmapped_tree(directory: Path) -> int:
    """A detached clone of the directory's mount, idmapped into RANGE."""
    flags = TREE_CLONE | os.O_CLOEXEC
    tree = system_call(OPEN_TREE, -100, ctypes.c_char_p(bytes(directory)), flags, what="open_tree")
    attributes = struct.pack("QQQQ", IDMAP, 0, 0, user_namespace())
    system_call(
        MOUNT_SETATTR, tree, ctypes.c_char_p(b""), EMPTY_PATH, ctypes.c_char_p(attributes), 32,
        what="mount_setattr",
    )  # fmt: skip
    return tree


def try_user_namespaces(_: Path) -> None:
    os.close(user_namespace())


def try_idmapped_mounts(directory: Path) -> None:
    os.close(idmapped_tree(directory))


def try_overlay(directory: Path) -> None:
    """An overlay with a writable upper, as every container has."""
    parts = {part: directory / part for part in ("lower", "upper", "work", "merged")}
    for path in parts.values():
        path.mkdir(exist_ok=True)
    options = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
    mount(b"overlay", parts["merged"], b"overlay", 0, options.encode())
    (parts["merged"] / "file").write_text("written through the overlay")


def try_idmapped_layers(directory: Path) -> None:
    """An overlay over an idmapped lower layer: how images are shared between apps."""
    for part in ("lower", "mapped", "upper2", "work2", "merged2"):
        (directory / part).mkdir(exist_ok=True)
    tree = idmapped_tree(directory / "lower")
    target = ctypes.c_char_p(bytes(directory / "mapped"))
    system_call(MOVE_MOUNT, tree, ctypes.c_char_p(b""), -100, target, 4, what="move_mount")
    options = f"lowerdir={directory}/mapped,upperdir={directory}/upper2,workdir={directory}/work2"
    mount(b"overlay", directory / "merged2", b"overlay", 0, options.encode())


def try_network_namespaces(_: Path) -> None:
    checked(LIBC.unshare(NEWNET), "unshare(CLONE_NEWNET)")


def attribute(kind: int, value: bytes) -> bytes:
    """A netlink attribute, padded to four bytes."""
    return struct.pack("HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def transact(family: int, message_type: int, flags: int, body: bytes) -> None:
    """One netlink request; OSError with the kernel's own errno when it refuses."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family) as link:
        link.bind((0, 0))
        link.settimeout(30)
        link.send(struct.pack("IHHII", 16 + len(body), message_type, flags, 1, 0) + body)
        answer = link.recv(65536)
    kind, error = struct.unpack_from("4xH10xi", answer)
    if kind == 2 and error:
        raise OSError(-error, os.strerror(-error))


def new_link(kind: bytes, name: bytes, data: bytes = b"") -> None:
    """RTM_NEWLINK of a kind, in the network namespace of this process."""
    information = attribute(1, kind) + (attribute(2, data) if data else b"")
    body = bytes(16) + attribute(3, name + b"\0") + attribute(18, information)
    transact(socket.NETLINK_ROUTE, 16, 0x605, body)  # request, ack, create, exclusive


def try_bridge(_: Path) -> None:
    new_link(b"bridge", b"trial0")


def try_veth(_: Path) -> None:
    new_link(b"veth", b"trial1", attribute(1, bytes(16) + attribute(3, b"trial2\0")))


def try_nftables(_: Path) -> None:
    """NFT_MSG_GETGEN: answered by every kernel that has nf_tables."""
    transact(12, (10 << 8) | 16, 1, bytes(4))


def try_loop(_: Path) -> None:
    """/dev/loop-control hands out the number of a free device."""
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    checked(LIBC.ioctl(control, 0x4C82), "LOOP_CTL_GET_FREE")
    os.close(control)


def try_seccomp(_: Path) -> None:
    """Filters are available when the kernel tells which actions it knows."""
    if "kill" not in Path("/proc/sys/kernel/seccomp/actions_avail").read_text():
        raise OSError("no filter actions")


TRIALS: dict[str, Callable[[Path], None]] = {
    "user namespaces": try_user_namespaces,
    "overlay filesystem": try_overlay,
    "idmapped mounts": try_idmapped_mounts,
    "idmapped image layers": try_idmapped_layers,
    "seccomp filters": try_seccomp,
    "loop devices": try_loop,
    "network namespaces": try_network_namespaces,
    "bridges": try_bridge,
    "veth pairs": try_veth,
    "nftables": try_nftables,
}


def attempt(trial: Callable[[Path], None], directory: Path) -> str:
    """Empty when the trial succeeds, else the reason."""
    try:
        trial(directory)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def main() -> None:
    """Leave the caller's namespaces, try everything, print what was learnt."""
    directory = Path(sys.argv[1])
    if LIBC.unshare(NEWNS) != 0:
        reason = f"unshare(CLONE_NEWNS): {os.strerror(ctypes.get_errno())}"
        results = dict.fromkeys(TRIALS, reason)
    else:
        mount(b"none", Path("/"), b"", MS_REC | MS_PRIVATE)
        results = {name: attempt(trial, directory) for name, trial in TRIALS.items()}
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    main()
