"""Run by a step of a Dockerfile, as its root: tries to get out, and prints what it could do."""

import ctypes
import glob
import json
import os
import socket
import stat
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
did = []


def tries(name, work, *arguments):
    try:
        result = work(*arguments)
    except OSError:
        return
    if not (isinstance(result, int) and result < 0):
        did.append(name)


def escape_chroot():
    """The classic: another root below, then up and up."""
    os.makedirs("/x", exist_ok=True)
    above = os.open("/", os.O_RDONLY)
    os.chroot("/x")
    os.fchdir(above)
    for _ in range(50):
        os.chdir("..")
    os.chroot(".")


def read(path, size=64):
    with open(path, "rb") as file:
        return file.read(size)


tries("mount", lambda: LIBC.mount(b"none", b"/mnt", b"tmpfs", 0, None))
tries("bind", lambda: LIBC.mount(b"/proc", b"/mnt", None, 4096, None))
tries("umount", lambda: LIBC.umount2(b"/proc", 2))
tries("unshare user", lambda: LIBC.unshare(0x10000000))
tries("unshare mount", lambda: LIBC.unshare(0x00020000))
tries("setns", lambda: LIBC.setns(os.open("/proc/1/ns/mnt", os.O_RDONLY), 0))
tries("pivot", lambda: LIBC.syscall(155, b"/mnt", b"/mnt"))
tries("chroot", escape_chroot)
tries("open_tree", lambda: LIBC.syscall(428, -100, b"/", 1))
tries("ptrace", lambda: LIBC.ptrace(16, 1, None, None))
tries("bpf", lambda: LIBC.syscall(321, 0, None, 0))
tries("keyctl", lambda: LIBC.syscall(250, 0, -3, 1))
tries("disk", os.mknod, "/disk", stat.S_IFBLK | 0o666, os.makedev(8, 0))
tries("memory", os.mknod, "/memory", stat.S_IFCHR | 0o666, os.makedev(1, 1))
tries("redirect", os.setxattr, "/etc", "trusted.overlay.redirect", b"/x")
tries("handle", lambda: LIBC.open_by_handle_at(3, None, 0))
tries("panic", lambda: open("/proc/sys/kernel/panic", "w").write("1"))
for path in glob.glob("/sys/fs/cgroup/**/*limit*", recursive=True):
    tries(path, lambda: open(path, "w").write("-1"))
tries("kcore", read, "/proc/kcore")
for path in glob.glob("/proc/[0-9]*/root"):
    tries(path, lambda: 1 if "buildpacks" in os.listdir(path) and os.listdir(path + "/out") else -1)
for path in glob.glob("/proc/[0-9]*/environ"):
    tries(path, lambda: 1 if b"BUILDAH_NOPIVOT" in read(path, 65536) else -1)
for path in glob.glob("/proc/[0-9]*/mem"):
    if path != f"/proc/{os.getpid()}/mem":
        tries(path, lambda: open(path, "wb").close() or -1)
for path in ("/out", "/config", "/layers", "/result", "/buildpacks/images", "/work"):
    if os.path.isdir(path) and os.listdir(path):
        did.append(path)
for argument in sys.argv[1:]:
    host, _, port = argument.rpartition(":")
    with socket.socket() as one:
        one.settimeout(1)
        tries(argument, lambda: one.connect((host, int(port))))
print("STEP", json.dumps(did), flush=True)
