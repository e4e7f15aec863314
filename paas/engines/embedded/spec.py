"""From a ContainerSpec to the OCI bundle's config.json: pure functions, no I/O.

Source: OCI runtime spec 1.0.2 (config.md, config-linux.md). What must hold of a
container is said here: no capability, no new privileges, its own namespaces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from paas.model.container import ROOT_CAPABILITIES, ContainerSpec, Kind, Limits, Power
from paas.model.extras import UNLIMITED, MemoryMount, Ulimit
from paas.settings import UIDS_PER_SLOT

INIT = "/.paas/init"
LAUNCH = "/.paas/launch"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
LAYERS = "/layers"

CPU_PERIOD_US = 100_000
# of a build, and of an app's container until it is promoted
LOW_CPU_SHARES = 256
OPEN_FILES = 65_536
SHM_BYTES = 64 << 20
# the kernel, short of memory, takes builds and one-off runs first, apps next, the host last
OOM_SCORES = {Kind.APP: 300}
OOM_SCORE_OTHERS = 600

MASKED = (
    *("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys"),
    *("/proc/latency_stats", "/proc/scsi", "/proc/sched_debug", "/proc/timer_list"),
    *("/sys/firmware", "/sys/devices/virtual/powercap"),
)
EVERY_CAPABILITY = "CAP_ALL"
CAPABILITIES = {
    Power.NONE: (),
    Power.ROOT: ROOT_CAPABILITIES,
    Power.TOOLS: (*ROOT_CAPABILITIES, "CAP_SETPCAP", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT"),
}
# a user namespace's own root may listen anywhere in it; so may everybody else
SYSCTL = {"net.ipv4.ip_unprivileged_port_start": "0"}
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True, slots=True)
class Device:
    """A block device, for bandwidth limits."""

    major: int
    minor: int


@dataclass(frozen=True, slots=True)
class Place:
    """What was prepared on the host for one container."""

    rootfs: Path
    user_namespace: Path
    network_namespace: Path
    address: IPv4Address
    uid_base: int
    cgroup: str  # absolute within every hierarchy: /<instance>/<container id>
    files: Mapping[str, Path]  # read-only single files: target to host path
    sources: Mapping[str, Path]  # where spec.mounts are found: target to host path
    devices: tuple[Device, ...] = ()
    layers: Path | None = None  # where spec.shown are mounted, 0, 1, ...


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine lets a container have."""

    seccomp: Mapping[str, Any]
    seccomp_tools: Mapping[str, Any] = field(default_factory=dict)  # for Power.TOOLS
    swap_accounting: bool = True
    oom_score: int = 0  # the daemon's own; a child can't have less without a capability
    unified_cgroups: bool = False
    ulimits: Mapping[str, int] = field(default_factory=dict)  # the daemon's own hard limits


Size = tuple[int, int]  # rows and columns of a terminal


def config(
    spec: ContainerSpec, place: Place, machine: Machine, *, terminal: Size | None
) -> dict[str, Any]:
    """The whole config.json."""
    return {
        "ociVersion": "1.0.2",
        "process": process(
            spec,
            machine,
            argv=spec.argv,
            environment=spec.environment,
            terminal=terminal,
            under_init=spec.init,
        ),
        "root": {"path": str(place.rootfs), "readonly": spec.extras.read_only},
        "hostname": host_name(spec),
        "mounts": mounts(spec, place, machine),
        "linux": {
            "namespaces": namespaces(place, machine),
            "uidMappings": [mapping(place.uid_base)],
            "gidMappings": [mapping(place.uid_base)],
            "cgroupsPath": place.cgroup,
            "resources": resources(spec, place, machine),
            "seccomp": machine.seccomp_tools if spec.power is Power.TOOLS else machine.seccomp,
            "sysctl": SYSCTL,
            "maskedPaths": list(MASKED),
            "readonlyPaths": list(READ_ONLY),
        },
    }


def process(
    spec: ContainerSpec,
    machine: Machine,
    *,
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    terminal: Size | None,
    under_init: bool = True,
) -> dict[str, Any]:
    """A process in the container: its first one, or one that joins later (without an init).

    init has no -g: it would pass signals to a process group its child has yet to make,
    and warn on the app's standard error. Whoever signals means the group itself.
    """
    return {
        **console(terminal),
        "user": user(spec),
        "args": [INIT, "--", *argv] if under_init else list(argv),
        "env": [f"{key}={value}" for key, value in environment.items()],
        "cwd": spec.cwd,
        "capabilities": capabilities(spec),
        "noNewPrivileges": True,
        "rlimits": rlimits(spec, machine),
        "oomScoreAdj": max(machine.oom_score, OOM_SCORES.get(spec.kind, OOM_SCORE_OTHERS)),
    }


def user(spec: ContainerSpec) -> dict[str, Any]:
    gid = spec.uid if spec.gid is None else spec.gid
    more = {"additionalGids": list(spec.groups)} if spec.groups else {}
    return {"uid": spec.uid, "gid": gid, **more}


def capabilities(spec: ContainerSpec) -> dict[str, list[str]]:
    """None at all, or what an image's root may do; another user than root never has any."""
    dropped = spec.extras.dropped
    held = [
        one
        for one in (CAPABILITIES[spec.power] if spec.uid == 0 else ())
        if one not in dropped and EVERY_CAPABILITY not in dropped
    ]
    sets = ("bounding", "effective", "inheritable", "permitted", "ambient")
    return dict.fromkeys(sets, held)


def console(terminal: Size | None) -> dict[str, Any]:
    """A terminal of that size from the first moment, or none."""
    if terminal is None:
        return {"terminal": False}
    rows, columns = terminal
    return {"terminal": True, "consoleSize": {"height": rows, "width": columns}}


def rlimits(spec: ContainerSpec, machine: Machine) -> list[dict[str, Any]]:
    """Never above the daemon's own limits: raising one may need a capability root lacks."""
    ours = (Ulimit("nofile", OPEN_FILES, OPEN_FILES), Ulimit("core", 0, 0))
    wanted = {one.name: one for one in (*ours, *spec.extras.ulimits)}
    return [
        {"type": f"RLIMIT_{name.upper()}", "soft": min(one.soft, most), "hard": min(one.hard, most)}
        for name, one in wanted.items()
        for most in [machine.ulimits.get(name, UNLIMITED)]
    ]


def host_name(spec: ContainerSpec) -> str:
    """What the container is called inside."""
    return spec.extras.host_name or spec.hostname


def mapping(uid_base: int) -> dict[str, int]:
    return {"containerID": 0, "hostID": uid_base, "size": UIDS_PER_SLOT}


def namespaces(place: Place, machine: Machine) -> list[dict[str, str]]:
    """All of its own; user and network ones were made before."""
    kinds = ["pid", "ipc", "uts", "mount", *(["cgroup"] if machine.unified_cgroups else [])]
    return [
        {"type": "user", "path": str(place.user_namespace)},
        {"type": "network", "path": str(place.network_namespace)},
        *({"type": kind} for kind in kinds),
    ]


def mounts(spec: ContainerSpec, place: Place, machine: Machine) -> list[dict[str, Any]]:
    """Kernel filesystems, sized memory ones, our single files, then what the spec asks for."""
    found = [
        mount("proc", "/proc", "proc", "nosuid", "noexec", "nodev"),
        mount("tmpfs", "/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        mount(
            *("devpts", "/dev/pts", "devpts", "nosuid", "noexec", "newinstance"),
            *("ptmxmode=0666", "mode=0620", "gid=5"),
        ),
        memory("/dev/shm", spec.extras.shm_bytes or SHM_BYTES, "noexec"),  # noqa: S108 - its own
        mount("mqueue", "/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        mount("sysfs", "/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        memory("/tmp", spec.tmpfs_bytes),  # noqa: S108 - the container's own
    ]
    if machine.unified_cgroups:
        options = ("nosuid", "noexec", "nodev", "relatime", "ro")
        found.append(mount("cgroup", "/sys/fs/cgroup", "cgroup", *options))
    found += [bind(source, target, read_only=True) for target, source in place.files.items()]
    found += [
        bind(
            place.sources[wanted.target],
            wanted.target,
            read_only=wanted.read_only,
            no_programs=wanted.no_programs,
        )
        for wanted in spec.mounts
    ]
    found += [memory_mount(spec, one) for one in spec.extras.memory_mounts]
    if place.layers is not None:
        found.append(bind(place.layers, LAYERS, read_only=True))
    return found


def mount(source: str, target: str, kind: str, *options: str) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def memory(target: str, size_bytes: int, *options: str) -> dict[str, Any]:
    """A filesystem in memory that everybody may write to; it counts as the container's memory."""
    return mount(
        "tmpfs", target, "tmpfs", "nosuid", "nodev", "mode=1777", f"size={size_bytes}", *options
    )


def memory_mount(spec: ContainerSpec, wanted: MemoryMount) -> dict[str, Any]:
    """A filesystem in memory as its maker wants it, for the container's own user."""
    owner = (f"uid={user(spec)['uid']}", f"gid={user(spec)['gid']}")
    options = ("nosuid", "nodev", *owner, f"mode={wanted.mode:o}", f"size={wanted.size_bytes}")
    more = [word for word, on in (("ro", wanted.read_only), ("noexec", wanted.no_exec)) if on]
    return mount("tmpfs", wanted.target, "tmpfs", *options, *more)


def bind(
    source: Path, target: str, *, read_only: bool, no_programs: bool = False
) -> dict[str, Any]:
    options = ["rbind", "nosuid", "nodev", "rprivate"]
    options += ["ro"] if read_only else []
    options += ["noexec"] if no_programs else []
    return mount(str(source), target, "bind", *options)


def resources(spec: ContainerSpec, place: Place, machine: Machine) -> dict[str, Any]:
    """The cgroup's limits. Swap is counted with memory, so that there is none extra."""
    limits = spec.limits
    found: dict[str, Any] = {
        "devices": [{"allow": False, "access": "rwm"}],
        "cpu": cpu(limits, low=spec.kind is not Kind.RUN),
    }
    if limits.memory_bytes is not None:
        found["memory"] = {"limit": limits.memory_bytes}
        if machine.swap_accounting:
            found["memory"]["swap"] = max(limits.memory_bytes, limits.memory_swap_bytes or 0)
    if limits.memory_reserved_bytes is not None:
        found.setdefault("memory", {})["reservation"] = limits.memory_reserved_bytes
    if limits.pids is not None:
        found["pids"] = {"limit": limits.pids}
    throttles = block_io(limits, place.devices)
    if throttles:
        found["blockIO"] = throttles
    return found


def cpu(limits: Limits, *, low: bool) -> dict[str, int]:
    """Shares and, when limited, the quota; low: not the weight of what serves."""
    shares = min(limits.cpu_shares, LOW_CPU_SHARES) if low else limits.cpu_shares
    found = {"shares": shares}
    if limits.cpus is not None:
        found |= {"quota": max(1000, int(limits.cpus * CPU_PERIOD_US)), "period": CPU_PERIOD_US}
    return found


def block_io(limits: Limits, devices: tuple[Device, ...]) -> dict[str, Any]:
    """Disk bandwidths, on every device the container's files lie on."""
    rates = {
        "throttleReadBpsDevice": limits.disk_read_bps,
        "throttleWriteBpsDevice": limits.disk_write_bps,
    }
    return {
        key: [{"major": one.major, "minor": one.minor, "rate": rate} for one in devices]
        for key, rate in rates.items()
        if rate is not None
    }
