"""The system calls a container may make, resolved to the form runc wants.

Starts from the distribution's profile (seccomp.json of containers-common), as it
stands without capabilities, and takes away what only an attacker needs: other
namespaces, mounts, tracing, keyrings, io_uring, unusual socket families.
Touches: that one file. Source: OCI runtime spec, config-linux.md, Seccomp.
"""

import functools
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paas.errors import PaasError

PROFILE = Path("/usr/share/containers/seccomp.json")

# uname's machine: the OCI name, and the name in the profile's includes and excludes
ARCHITECTURES = {
    "x86_64": ("SCMP_ARCH_X86_64", "amd64"),
    "aarch64": ("SCMP_ARCH_AARCH64", "arm64"),
}

FORBIDDEN = frozenset(
    """
    unshare setns mount umount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig
    fsmount fspick mount_setattr ptrace process_vm_readv process_vm_writev process_madvise kcmp
    pidfd_getfd keyctl add_key request_key bpf perf_event_open userfaultfd fanotify_init
    open_by_handle_at quotactl quotactl_fd lookup_dcookie syslog acct swapon swapoff reboot
    """.split()  # noqa: SIM905 - words read best as words
)
# programs look whether these exist and do without: "no such call" lets them
ABSENT = frozenset({"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"})

EPERM, ENOSYS, EPROTONOSUPPORT = 1, 38, 93
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: clone(2)
CLONE_NAMESPACES = 0x7E020000
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
NETLINK_AUDIT = 9


# what programs that make images need: a root of their own to mount layers in
TOOLS = frozenset("mount umount umount2 chroot unshare".split())  # noqa: SIM905 - as above
CLONE_NEWUSER = 0x10000000


@functools.cache
def profile(path: Path = PROFILE, machine: str = "") -> dict[str, Any]:
    """The profile for this machine; read once. Raises PaasError when it cannot be had."""
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        raise PaasError(
            f"containers cannot be confined on {machine}", "use an amd64 or arm64 machine"
        )
    try:
        source = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise PaasError(
            f"the seccomp profile {path} is missing",
            "install the package golang-github-containers-common",
        ) from error
    return resolve(source, *ARCHITECTURES[machine])


@functools.cache
def tools_profile() -> dict[str, Any]:
    """The profile for our own programs that make images: mounts and namespaces, but of users."""
    strict = profile()
    kept = [one for one in strict["syscalls"] if not {"clone", "mount"} & {*one["names"]}]
    opened = [
        rule(sorted(TOOLS - {"unshare"})),
        rule(["clone", "unshare"], argument(0, "SCMP_CMP_MASKED_EQ", CLONE_NEWUSER, 0)),
        refuse(FORBIDDEN - TOOLS, EPERM),
    ]
    return {**strict, "syscalls": [*kept, *opened]}


def resolve(source: Mapping[str, Any], architecture: str, short: str) -> dict[str, Any]:
    """A profile with includes and excludes as OCI rules, for one architecture, no capabilities."""
    rules = [rule for entry in source["syscalls"] for rule in allowed(entry, short)]
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": ENOSYS,
        "architectures": [architecture],
        "syscalls": [*rules, *SOCKETS, CLONE, refuse(FORBIDDEN, EPERM)],
    }


def allowed(entry: Mapping[str, Any], short: str) -> list[dict[str, Any]]:
    """The rule of one entry that allows something here, without what we forbid."""
    if entry["action"] != "SCMP_ACT_ALLOW" or not applies(entry, short):
        return []
    special = {"clone", "socket"}
    names = sorted(set(entry["names"]) - FORBIDDEN - ABSENT - special)
    return [rule(names, *(entry.get("args") or ()))] if names else []


def applies(entry: Mapping[str, Any], short: str) -> bool:
    """Whether an entry counts for a process without capabilities on this architecture."""
    includes, excludes = entry.get("includes") or {}, entry.get("excludes") or {}
    if includes.get("caps") or short in excludes.get("arches", ()):
        return False
    return not includes.get("arches") or short in includes["arches"]


def rule(names: list[str], *arguments: Mapping[str, Any]) -> dict[str, Any]:
    """An OCI rule that allows names when every argument matches."""
    found: dict[str, Any] = {"names": names, "action": "SCMP_ACT_ALLOW"}
    if arguments:
        found["args"] = [dict(argument) for argument in arguments]
    return found


def refuse(names: frozenset[str], errno: int, *arguments: Mapping[str, Any]) -> dict[str, Any]:
    """An OCI rule that has names fail so when every argument matches."""
    return {**rule(sorted(names), *arguments), "action": "SCMP_ACT_ERRNO", "errnoRet": errno}


def argument(index: int, operator: str, value: int, value_two: int = 0) -> dict[str, Any]:
    return {"index": index, "value": value, "valueTwo": value_two, "op": operator}


CLONE = rule(["clone"], argument(0, "SCMP_CMP_MASKED_EQ", CLONE_NAMESPACES, 0))
SOCKETS = (
    rule(["socket"], argument(0, "SCMP_CMP_EQ", AF_UNIX)),
    rule(["socket"], argument(0, "SCMP_CMP_EQ", AF_INET)),
    rule(["socket"], argument(0, "SCMP_CMP_EQ", AF_INET6)),
    rule(
        ["socket"],
        argument(0, "SCMP_CMP_EQ", AF_NETLINK),
        argument(2, "SCMP_CMP_NE", NETLINK_AUDIT),
    ),
    # useradd and its like do without only where a kernel knows nothing of it
    refuse(
        frozenset({"socket"}),
        EPROTONOSUPPORT,
        argument(0, "SCMP_CMP_EQ", AF_NETLINK),
        argument(2, "SCMP_CMP_EQ", NETLINK_AUDIT),
    ),
)
