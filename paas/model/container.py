"""What the engine is asked to run, and what it says is running."""

import secrets
import signal
import time
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path

from paas.model.extras import Extras
from paas.model.release import Layer

APP_UID = 1000  # the user `app` in every stack: builds and processes run as it


class Kind(StrEnum):
    """Why a container exists; only `app` ones are restarted and routed."""

    APP = "app"
    BUILD = "build"
    RELEASE = "release"
    RUN = "run"


class Power(StrEnum):
    """What its first user may do inside, over the app's own range of ids and nothing else.

    root: an image's root may change owners and become another user. tools: our own
    programs that make images may mount and change their root as well.
    """

    NONE = "none"
    ROOT = "root"
    TOOLS = "tools"


# what an image's root needs to hand files to other users and to become one of them
ROOT_CAPABILITIES = (
    *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL"),
    *("CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETUID"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a container may use; None means no limit of that kind.

    cpus is in cores (0.5 is half of one); bandwidths are in bytes per second.
    memory_swap_bytes is memory and swap together; None: no swap. What is reserved is
    left to it when the machine is short of it.
    """

    memory_bytes: int | None = 512 << 20
    memory_swap_bytes: int | None = None
    memory_reserved_bytes: int | None = None
    cpus: float | None = None
    cpus_reserved: float | None = None
    cpu_shares: int = 1024
    pids: int | None = 256
    network_ingress_bps: int | None = None
    network_egress_bps: int | None = None
    disk_read_bps: int | None = None
    disk_write_bps: int | None = None
    scratch_bytes: int = 1 << 30


# first id on the disk, first id inside, how many
Ids = tuple[int, int, int]
# ids inside own what the same ids own on the disk
SAME_IDS: tuple[Ids, ...] = ((0, 0, 65_536),)


@dataclass(frozen=True, slots=True)
class Mount:
    """A host path seen inside.

    ids: whose files they are inside, by whose they are on the disk; none: as the host says.
    With ids, beneath is the folder below source that is meant: no link leads to it, whoever
    else may write to source.
    """

    source: Path
    target: str
    read_only: bool = True
    ids: tuple[Ids, ...] = ()
    beneath: str = ""
    no_programs: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything needed to start one container.

    slot is the app's slot: it fixes the uid range and the network. upper, when
    given, is a directory on the state dir's filesystem that becomes the writable
    layer and is kept when the container is removed (builds commit it); otherwise
    the writable layer is a scratch filesystem of limits.scratch_bytes, gone with
    the container. log, when given, is the file conmon appends the streams to. gid None:
    the same as uid. shown are layers seen read-only as /layers/0, /layers/1, ...
    files are single files seen read-only, in place of the platform's own or beside them.
    terminal: its first process has one, of so many rows and columns. interactive: it reads
    what those send who attach. log_max_bytes: where not the instance's. ttl_s: how long it
    may run. job_id: the job a one-off run is of.
    init: the first process is one that looks after the others, and starts argv.
    """

    id: str
    app: str
    slot: int
    kind: Kind
    process: str
    index: int
    layers: tuple[Layer, ...]
    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict, repr=False)  # secrets
    release: int = 0
    uid: int = APP_UID
    gid: int | None = None
    groups: tuple[int, ...] = ()
    power: Power = Power.NONE
    cwd: str = "/app"
    limits: Limits = field(default_factory=Limits)
    mounts: tuple[Mount, ...] = ()
    shown: tuple[Layer, ...] = ()
    files: dict[str, Path] = field(default_factory=dict)
    tmpfs_bytes: int = 256 << 20
    upper: Path | None = None
    log: Path | None = None
    init: bool = True
    extras: Extras = field(default_factory=Extras)
    port: int = 5000
    networks: tuple[int, ...] = ()  # slots of networks that it is on beside its own
    stop_signal: int = signal.SIGTERM
    terminal: tuple[int, int] | None = None
    interactive: bool = False
    log_max_bytes: int | None = None
    ttl_s: int | None = None
    job_id: str = ""

    @property
    def hostname(self) -> str:
        """`web.1`: what the app's users and its DYNO variable see."""
        return f"{self.process}.{self.index}"


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended: an exit code (128 + n for signal n), and whether a limit ended it."""

    code: int
    out_of_memory: bool = False
    out_of_disk: bool = False

    @property
    def reason(self) -> str:
        """In words: `exited with code 3`, `killed by SIGSEGV`, `killed: memory limit`."""
        from paas.command import signal_name  # noqa: PLC0415 - words only

        if self.out_of_memory:
            return "killed: memory limit"
        if self.out_of_disk:
            return "killed: disk limit"
        if self.code > 128:
            return f"killed by {signal_name(self.code - 128)}"
        return f"exited with code {self.code}"


def since_boot_s() -> float:
    """Time since the machine was started, sleep included (CLOCK_BOOTTIME, clock_gettime(2))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Container:
    """A container the engine knows: its spec, where it is, and how it ended if it has."""

    spec: ContainerSpec
    address: IPv4Address
    pid: int
    started_at: datetime
    exit: ExitStatus | None = None
    # seconds since the machine's start, which no set clock changes
    up_since_s: float = field(default_factory=since_boot_s)

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def running(self) -> bool:
        return self.exit is None

    @property
    def age_s(self) -> float:
        """How long ago it was started, whatever the clock says."""
        return since_boot_s() - self.up_since_s


@dataclass(frozen=True, slots=True)
class Usage:
    """What a container uses now, and what went through it since it was started."""

    memory_bytes: int = 0
    cpu_seconds: float = 0.0
    pids: int = 0
    read_bytes: int = 0  # from disks, and written to them
    written_bytes: int = 0
    received_bytes: int = 0  # from its network, and sent
    sent_bytes: int = 0


def new_container_id() -> str:
    """Ten characters, fifty bits: short enough to name a network link after."""
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    return "".join(secrets.choice(alphabet) for _ in range(10))
