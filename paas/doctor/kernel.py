"""Examines the kernel: what trials.py could do, cgroup controllers, limits on processes.

Touches: a temporary directory beside the state, and one child that tries features in
namespaces of its own. Nothing stays behind.
"""

import json
import os
import platform
import re
import shutil
import tempfile
from pathlib import Path

from paas.command import Runner
from paas.doctor.finding import Finding, fail, ok, warn
from paas.errors import PaasError
from paas.settings import Settings

OLDEST_KERNEL = (5, 19)  # the first with idmapped layers below an overlay
NEEDED_CONTROLLERS = ("memory", "cpu", "pids")
CGROUP_ROOT = Path("/sys/fs/cgroup")

REMEDIES = {
    "loop devices": "load the module: modprobe loop",
    "bridges": "load the module: modprobe bridge",
    "veth pairs": "load the module: modprobe veth",
    "nftables": "load the module: modprobe nf_tables",
    "overlay filesystem": "load the module: modprobe overlay; overlay needs ext4, xfs or btrfs",
    "idmapped mounts": "put state_dir on ext4, xfs or btrfs",
    "idmapped image layers": "use Linux 5.19 or newer, with state_dir on ext4, xfs or btrfs",
    "user namespaces": "sysctl user.max_user_namespaces=15000",
}
OTHERWISE = "boot a Debian kernel (apt-get install linux-image-amd64), or leave the container"


def examine(settings: Settings, runner: Runner) -> list[Finding]:
    """Every finding about the kernel; the trials need root."""
    findings = [version(platform.release())]
    if os.geteuid() == 0:
        findings += trials(settings, runner)
    return [*findings, cgroups(CGROUP_ROOT), process_limit(), forwarding()]


def version(release: str) -> Finding:
    """The kernel is at least OLDEST_KERNEL."""
    found = re.match(r"(\d+)\.(\d+)", release)
    if found and (int(found[1]), int(found[2])) >= OLDEST_KERNEL:
        return ok("kernel", f"Linux {release}")
    wanted = ".".join(map(str, OLDEST_KERNEL))
    return fail("kernel", f"Linux {release}", f"use Linux {wanted} or newer; Debian 12 has 6.1")


def trials(settings: Settings, runner: Runner) -> list[Finding]:
    """What a throwaway child could do, one finding a feature."""
    directory = Path(tempfile.mkdtemp(prefix=".paas-doctor-", dir=nearest(settings.state_dir)))
    program = str(Path(__file__).with_name("trials.py"))
    try:
        done = runner.run(("/usr/bin/python3", "-I", program, str(directory)), timeout_s=120)
        results: dict[str, str] = json.loads(done.stdout)
    except (PaasError, ValueError) as error:
        return [fail("kernel features", f"could not be tried: {error}", OTHERWISE)]
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return [judged(feature, reason) for feature, reason in results.items()]


def judged(feature: str, reason: str) -> Finding:
    """A trial's outcome as a finding; reason is empty when it worked."""
    if not reason:
        return ok(feature, "work" if feature.endswith("s") else "works")
    return fail(feature, reason, REMEDIES.get(feature, OTHERWISE))


def nearest(path: Path) -> Path:
    """The path itself or its nearest ancestor that exists: same filesystem, most likely."""
    return next(candidate for candidate in (path, *path.parents) if candidate.is_dir())


def cgroups(root: Path) -> Finding:
    """The controllers limits need, in the v2 tree or in v1 hierarchies (or a mix of both)."""
    unified = read(root / "cgroup.controllers").split()
    if unified:
        present, kind = set(unified), "version 2"
    else:
        present = {c for c in (*NEEDED_CONTROLLERS, "blkio") if (root / c).is_dir()}
        kind = "version 1" + (" with a version 2 tree" if (root / "unified").is_dir() else "")
    missing = [controller for controller in NEEDED_CONTROLLERS if controller not in present]
    if missing:
        remedy = "boot with cgroup_enable=memory, or mount the controllers (systemd does)"
        return fail("cgroups", f"{kind}, without {', '.join(missing)}", remedy)
    if not present & {"io", "blkio"}:
        return warn("cgroups", f"{kind}, without io", "disk bandwidth limits will have no effect")
    return ok("cgroups", f"{kind}: {', '.join(sorted(present))}")


def process_limit() -> Finding:
    """Room for the processes of many containers."""
    most = int(read(Path("/proc/sys/kernel/pid_max")) or 0)
    if most >= 32768:
        return ok("process ids", f"pid_max {most}")
    return warn("process ids", f"pid_max {most}", "sysctl kernel.pid_max=4194304")


def forwarding() -> Finding:
    """The way out of containers; the daemon turns it on itself."""
    path = Path("/proc/sys/net/ipv4/ip_forward")
    if read(path).strip() == "1":
        return ok("ip forwarding", "on")
    if os.access(path, os.W_OK):
        return ok("ip forwarding", "off; paas turns it on when it starts")
    return fail("ip forwarding", "off and read-only", "sysctl net.ipv4.ip_forward=1")


def read(path: Path) -> str:
    """A file's text, empty when it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return ""
