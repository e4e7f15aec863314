"""Runs in a container: tries every way out that does not need the network; prints what worked."""

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import stat
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
NEWUSER = 0x10000000
# x86-64's numbers; the second half of the table is the same on every architecture
CALLS = {
    "unshare user": (272, NEWUSER),
    "unshare mount": (272, 0x20000),
    "setns": (308, 0, 0),
    "mount": (165, b"none", b"/tmp", b"tmpfs", 0, None),
    "umount": (166, b"/tmp", 2),
    "pivot_root": (155, b"/tmp", b"/tmp"),
    "chroot": (161, b"/tmp"),
    "ptrace": (101, 0, 0, 0, 0),
    "ptrace init": (101, 16, 1, 0, 0),
    "process_vm_readv": (310, os.getpid(), None, 0, None, 0, 0),
    "process_vm_writev": (311, os.getpid(), None, 0, None, 0, 0),
    "keyctl": (250, 0, -3, 1),
    "add_key": (248, b"user", b"x", b"y", 1, -3),
    "request_key": (249, b"user", b"x", None, 0),
    "bpf": (321, 0, None, 0),
    "perf_event_open": (298, None, 0, -1, -1, 0),
    "userfaultfd": (323, 0),
    "clone3": (435, None, 0),
    "clone user": (56, NEWUSER | 17, 0, 0, 0, 0),
    "io_uring_setup": (425, 1, None),
    "open_by_handle_at": (304, 0, None, 0),
    "open_tree": (428, -100, b"/", 1),
    "move_mount": (429, -1, b"", -100, b"/tmp", 4),
    "fsopen": (430, b"tmpfs", 0),
    "mount_setattr": (442, -100, b"/", 0, None, 0),
    "pidfd_getfd": (438, 0, 0, 0),
    "kcmp": (312, os.getpid(), os.getpid(), 0, 0, 0),
    "init_module": (175, None, 0, b""),
    "finit_module": (313, 0, b"", 0),
    "delete_module": (176, b"x", 0),
    "kexec_load": (246, 0, 0, None, 0),
    "iopl": (172, 3),
    "ioperm": (173, 0, 1, 1),
    "swapon": (167, b"/tmp/x", 0),
    "reboot": (169, 0, 0, 0, None),
    "settimeofday": (164, b"\0" * 16, None),
    "clock_settime": (227, 0, b"\0" * 16),
    "sethostname": (170, b"x", 1),
    "syslog": (103, 3, b"\0" * 64, 64),
    "acct": (163, b"/tmp/x"),
    "quotactl": (179, 0, None, 0, None),
    "fanotify_init": (300, 0, 0),
    "setuid 0": (105, 0),
    "setgid 0": (106, 0),
    "setgroups": (116, 0, None),
    "chown to root": (92, b"/app", 0, 0),
    "vhangup": (153,),
    "landlock is no way out, personality": (135, 0x0040000),
}
WRITES = (
    "/proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sysrq-trigger "
    "/proc/sys/vm/overcommit_memory /proc/sys/net/ipv4/ip_forward /sys/kernel/uevent_helper "
    "/sys/power/state /sys/fs/cgroup/x "
    "/etc/passwd /etc/resolv.conf /etc/hosts /etc/ld.so.preload /usr/bin/env /usr/lib/x /x "
    "/.paas/init /.paas/launch /.paas/x /dev/x /etc/ssl/certs/ca-certificates.crt /root/x "
    "/var/lib/x /var/spool/x /etc/profile.d/x.sh /buildpacks/x /bin/bash"
).split()
READS = (
    "/proc/kcore /proc/kmsg /dev/mem /dev/kmsg /dev/port "
    "/dev/sda /dev/vda /dev/loop0 /dev/loop-control /dev/fuse /dev/net/tun /dev/kvm "
    "/sys/kernel/debug/x /sys/firmware/x"
).split()
EMPTY = "/proc/keys /proc/timer_list /proc/sched_debug /proc/latency_stats /proc/interrupts".split()
FAMILIES = {
    "packet": (17, socket.SOCK_RAW, 0x300),
    "packet datagram": (17, socket.SOCK_DGRAM, 0x300),
    "raw icmp": (socket.AF_INET, socket.SOCK_RAW, 1),
    "raw ip": (socket.AF_INET, socket.SOCK_RAW, 255),
    "raw ip6": (socket.AF_INET6, socket.SOCK_RAW, 58),
    "vsock": (40, socket.SOCK_STREAM, 0),
    "alg": (38, 5, 0),
    "key": (15, socket.SOCK_RAW, 2),
    "bluetooth": (31, socket.SOCK_RAW, 1),
    "can": (29, socket.SOCK_RAW, 1),
    "xdp": (44, socket.SOCK_RAW, 0),
    "tipc": (30, socket.SOCK_STREAM, 0),
    "audit": (16, socket.SOCK_RAW, 9),
}


def in_child(work):
    """What work returned in a forked child, -signal when one ended it."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(work() & 0xFF)
        except BaseException:
            os._exit(254)
    status = os.waitpid(child, 0)[1]
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def call(number, *arguments):
    ctypes.set_errno(0)
    wide = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in arguments]
    result = LIBC.syscall(ctypes.c_long(number), *wide)
    if number == 56 and result == 0:
        os._exit(0)
    return 0 if result >= 0 else ctypes.get_errno()


def allowed_calls():
    """Calls that did not fail with a refusal."""
    refusals = (errno.EPERM, errno.ENOSYS, errno.EACCES)
    results = {name: in_child(lambda: call(*how)) for name, how in CALLS.items()}
    return {name: result for name, result in results.items() if result not in refusals}


def other_abis():
    """mount through the 32-bit and the x32 entry: seccomp must know those too."""
    if os.uname().machine != "x86_64":
        return {}

    def int80():
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(b"\xb8\x15\x00\x00\x00\x31\xdb\x31\xc9\x31\xd2\xcd\x80\xc3")  # mount(0, 0, 0)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        result = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
        return 0 if result == -errno.EFAULT or result >= 0 else 1

    def x32():
        result = call(0x40000000 | 165, b"none", b"/tmp", b"tmpfs", 0, None)
        return 0 if result in (0, errno.EFAULT) else 1

    return {name: in_child(work) for name, work in (("int80", int80), ("x32", x32))}


def opened(paths, flags):
    found = []
    for path in paths:
        try:
            os.close(os.open(path, flags, 0o600))
        except OSError:
            continue
        found.append(path)
    return found


def nodes():
    """Device nodes that could be made anywhere we may write."""
    made = []
    for kind, major, minor in ((stat.S_IFBLK, 8, 0), (stat.S_IFCHR, 1, 1), (stat.S_IFBLK, 7, 0)):
        for place in ("/app", "/tmp", "/dev/shm"):
            try:
                os.mknod(f"{place}/node", kind | 0o666, os.makedev(major, minor))
                made.append(f"{place} {major}:{minor}")
            except OSError:
                pass
    return made


def sockets():
    made = []
    for name, arguments in FAMILIES.items():
        try:
            socket.socket(*arguments).close()
            made.append(name)
        except OSError:
            pass
    return made


def descriptors():
    """Every descriptor of ours and of init's: its target, and whether it is a directory."""
    found = {}
    for pid in ("self", "1"):
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for name in names:
            path = f"/proc/{pid}/fd/{name}"
            try:
                found[path] = [os.readlink(path), stat.S_ISDIR(os.stat(path).st_mode)]
            except OSError:
                pass
    return found


def writable_places():
    """Directories outside /app that our uid can make files in."""
    found = []
    for top, directories, _ in os.walk("/"):
        if top == "/":
            directories[:] = [d for d in directories if d not in ("proc", "sys", "app")]
        if os.access(top, os.W_OK):
            found.append(top)
    return sorted(found)


def main():
    mounts = [line.split() for line in open("/proc/self/mountinfo")]
    found = {
        "calls": allowed_calls(),
        "abis": other_abis(),
        "writes": opened(WRITES, os.O_WRONLY | os.O_CREAT),
        "reads": opened(READS, os.O_RDONLY),
        "told": [path for path in EMPTY if os.path.isfile(path) and readable(path)],
        "nodes": nodes(),
        "sockets": sockets(),
        "descriptors": descriptors(),
        "places": writable_places(),
        "devices": sorted(os.listdir("/dev")),
        "mounts": {m[4]: m[5] for m in mounts},
        "unix": open("/proc/net/unix").read().splitlines()[1:],
        "pids": [name for name in os.listdir("/proc") if name.isdigit()],
        "environment": dict(os.environ),
        "uid_map": open("/proc/self/uid_map").read().split(),
        "canary": opened(sys.argv[1:], os.O_RDONLY),
        "setuid": in_child(setuid_program),
        "remapped": in_child(remapped),
    }
    print(json.dumps(found))


def readable(path):
    try:
        return open(path).read(10)
    except OSError:
        return ""


def setuid_program():
    """A program of ours with the setuid bit: which uid it runs as (0 would be root's)."""
    path = "/app/setuid"
    open(path, "wb").write(open("/usr/bin/id", "rb").read())
    os.chmod(path, 0o6755)
    return 0 if os.popen(f"{path} -u").read().strip() == "0" else 1


def remapped():
    """Whether our uids can be mapped to others."""
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/self/{name}", "w") as file:
            file.write("0 0 4294967295")
    return 0


signal.signal(signal.SIGSYS, signal.SIG_DFL)
main()
