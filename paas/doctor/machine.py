"""Examines the machine around the kernel: system, root, room, ports, network.

Touches: sockets bound for an instant, and /proc.
"""

import os
import shutil
from pathlib import Path

from paas.disk import Disk, Level
from paas.doctor import ports
from paas.doctor.finding import Finding, fail, ok, warn
from paas.doctor.kernel import nearest, read
from paas.settings import Settings

GIB = 1 << 30
SUPPORTED_DEBIAN = ("12", "13")
SUPPORTED_MACHINES = ("x86_64", "aarch64")


def examine(settings: Settings) -> list[Finding]:
    """Every finding about the machine."""
    return [
        system(read(Path("/etc/os-release"))),
        processor(os.uname().machine),
        administrator(os.geteuid()),
        disk(settings),
        memory(read(Path("/proc/meminfo"))),
        resolver(read(Path("/etc/resolv.conf"))),
        uplink(read(Path("/proc/net/route"))),
        *(ports.examine(settings)),
    ]


def system(os_release: str) -> Finding:
    """Debian 12 or 13; other Debian-like systems at the user's own risk."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    values = {key: value.strip('"') for key, value in fields.items()}
    found = values.get("PRETTY_NAME", "unknown")
    if values.get("ID") == "debian" and values.get("VERSION_ID") in SUPPORTED_DEBIAN:
        return ok("system", found)
    if values.get("ID") == "debian" and "VERSION_ID" not in values:
        return warn("system", found, "a Debian of the future; it is tested on 12 and 13")
    return fail("system", found, "use Debian 12 (bookworm) or 13 (trixie)")


def processor(machine: str) -> Finding:
    """An architecture that the stack and the system call filter know."""
    if machine in SUPPORTED_MACHINES:
        return ok("processor", machine)
    return fail("processor", machine, f"use one of {', '.join(SUPPORTED_MACHINES)}")


def administrator(uid: int) -> Finding:
    """Containers, networks and mounts are made by root."""
    if uid == 0:
        return ok("administrator", "root")
    return fail("administrator", f"uid {uid}, not root", "run it again with sudo")


def disk(settings: Settings) -> Finding:
    """Room for the stack (about 1 GiB), images and logs; for an instance, by its own marks."""
    if (settings.state_dir / "paas.db").exists():
        return marks(settings)
    place = nearest(settings.state_dir)
    free = shutil.disk_usage(place).free
    found = f"{free / GIB:.1f} GiB free for {settings.state_dir}"
    if free < 3 * GIB:
        return fail("disk", found, "make room: 3 GiB at the very least, or set state_dir elsewhere")
    if free < 10 * GIB:
        return warn("disk", found, "10 GiB is comfortable for a handful of apps")
    return ok("disk", found)


def marks(settings: Settings) -> Finding:
    """Whether there are bytes and inodes enough that nothing is refused."""
    state = Disk(settings).state()
    found = state.room.words
    if state.level is Level.FULL:
        return fail("disk", found, "pushes and runs are refused: paas gc --all, and see paas disk")
    if state.level is Level.LOW:
        return warn("disk", found, "free some before it is full: paas gc --all, and see paas disk")
    return ok("disk", found)


def memory(meminfo: str) -> Finding:
    """Room for the daemon, a build, and an app or two."""
    values = {
        key: rest.split() for key, _, rest in (x.partition(":") for x in meminfo.splitlines())
    }
    total = int(values.get("MemTotal", ["0"])[0]) * 1024
    found = f"{total / GIB:.1f} GiB"
    if total < 0.4 * GIB:
        return fail("memory", found, "use a machine with at least 512 MiB")
    if total < 1.5 * GIB:
        return warn("memory", found, "builds may be slow or fail; add memory or swap")
    return ok("memory", found)


def resolver(resolv_conf: str) -> Finding:
    """Name servers that the containers' own forwarder can pass questions to."""
    words = [line.split() for line in resolv_conf.splitlines()]
    servers = [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]
    if servers:
        return ok("name servers", ", ".join(servers))
    return fail("name servers", "none in /etc/resolv.conf", "add a nameserver line to it")


def uplink(routes: str) -> Finding:
    """The interface towards the world, and its packet size: container links take the same."""
    lines = [line.split() for line in routes.splitlines()[1:]]
    names = [line[0] for line in lines if line[1] == "00000000" and line[7] == "00000000"]
    if not names:
        remedy = "add a default route; without one builds cannot fetch dependencies"
        return warn("uplink", "no default route", remedy)
    mtu = read(Path(f"/sys/class/net/{names[0]}/mtu")).strip()
    return ok("uplink", f"{names[0]}, packets of {mtu or '?'} bytes")
