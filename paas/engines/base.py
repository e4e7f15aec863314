"""What every container engine offers to the deploy path and the commands.

An engine starts, stops and finds containers. It knows nothing of apps' wishes,
of routes or of the database: what runs is read from the kernel and from the
container's own directory, so a restarted daemon finds everything again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Protocol

from paas.model.container import Container, ContainerSpec, ExitStatus, Usage

KEPT_BYTES = 256 << 10  # of what a terminal showed, for those who come to it


@dataclass(frozen=True, slots=True)
class Streams:
    """The descriptors a foreground process gets. With a terminal, only `terminal` counts.

    terminal is (rows, columns): the engine then makes a pty inside the container
    and Session.terminal is the descriptor of its master end, for the caller to relay.
    The engine dups what it needs; the caller closes its own.
    stdout and stderr are relayed apart: given the same descriptor, each keeps its own
    order, but a line of one may overtake a line of the other.
    """

    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    terminal: tuple[int, int] | None = None


class Stream(Enum):
    """Where output of a process came from; all that a terminal shows is OUT."""

    OUT = "out"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Process:
    """A process in a container, by its own numbers. state is a letter of proc(5)."""

    pid: int
    uid: int
    name: str
    state: str
    cpu_seconds: float
    memory_bytes: int


class Wire(Protocol):
    """One end of a running container's streams. Safe to use from several threads.

    Who is on the wire has to receive: what is not received keeps the container waiting.
    Several may be on one; each gets everything.
    """

    def receive(self) -> tuple[Stream, bytes] | None:
        """What the container said next; None at its end, or once this is closed."""

    def send(self, data: bytes) -> None:
        """To the standard input of an interactive one; OSError when nobody is there any more."""

    def end_input(self) -> None:
        """Without a terminal: the end of standard input, for good."""

    def resize(self, rows: int, columns: int) -> None:
        """Its terminal has another size now."""

    def close(self) -> None:
        """Leave; the container goes on. Without a terminal its standard input ends. Idempotent."""


class Session(Protocol):
    """A process in the foreground: a build, a one-off run, or an exec into a container.

    address is where a container of its own is on the network.
    """

    terminal: int | None
    address: IPv4Address | None

    def wait(self, timeout_s: float | None = None) -> ExitStatus | None:
        """Its exit status, or None when it still runs after timeout_s."""

    def signal(self, number: int) -> None:
        """Send it a signal."""

    def kill(self) -> None:
        """End it and everything it started, at once."""

    def resize(self, rows: int, columns: int) -> None:
        """The caller's terminal changed its size."""

    def close(self) -> None:
        """Kill what is left and free everything (for a container: remove it). Idempotent."""


class Guest(Protocol):
    """A process on a terminal of its own in a running container.

    It outlives who is on it, and the daemon; it ends with its container at the latest.
    shown is the file of what its terminal showed, gone with it. Safe to use from several threads.
    """

    @property
    def name(self) -> str: ...

    @property
    def container(self) -> Container: ...

    @property
    def started_at(self) -> datetime: ...

    @property
    def shown(self) -> Path: ...

    def attach(self) -> Wire:
        """Be on its wire from now on; PaasError when it has ended."""

    def wait(self, timeout_s: float) -> ExitStatus | None:
        """How it ended; None when it still runs after timeout_s."""

    def kill(self) -> None:
        """End it and everything it started, at once. PaasError when that cannot be."""


class Engine(Protocol):
    """Contract shared by the embedded engine and the fake; tests/engines has the suite."""

    def start(self, spec: ContainerSpec) -> Container:
        """Start in the background, supervised by conmon: it outlives the daemon.

        Returns once the process runs. Raises PaasError, leaving nothing behind.
        """

    def attend(self, spec: ContainerSpec) -> tuple[Container, Wire]:
        """Start as start does, being on the wire from the first byte on."""

    def attach(self, container_id: str) -> Wire:
        """Be on a running container's wire from now on; PaasError when it does not run."""

    def freeze(self, container_id: str) -> None:
        """Stop everything in it where it is, until thaw. PaasError when that cannot be."""

    def thaw(self, container_id: str) -> None:
        """Let everything in it go on. Idempotent; nothing when it is gone."""

    def is_frozen(self, container_id: str) -> bool:
        """Whether it is frozen, by the kernel's word."""

    def promote(self, container_id: str) -> None:
        """Have an app's container go first: until now it weighed as little as a build.

        What serves goes before what is starting, and gets its turns sooner. Idempotent; nothing
        when it is gone.
        """

    def spawn(self, spec: ContainerSpec, streams: Streams) -> Session:
        """Start in the foreground: it ends with the session, or with the daemon.

        An upper given in the spec stays in place after the session is closed.
        """

    def execute(  # an extra process in a running container
        self,
        container_id: str,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        streams: Streams,
    ) -> Session:
        """Run argv as the container's user, in its namespaces and cgroup."""

    def lodge(
        self,
        container_id: str,
        name: str,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        terminal: tuple[int, int],
    ) -> tuple[Guest, Wire]:
        """Run argv as execute does, on a terminal that outlives its callers and the daemon.

        name: as no other guest of the container is called. On the wire from the first byte on.
        """

    def guests(self) -> Sequence[Guest]:
        """Those that have not ended, oldest first."""

    def stop(self, container_id: str, grace_s: float) -> ExitStatus | None:
        """Its stop signal, up to grace_s, SIGKILL; its exit status. The container stays listed.

        A frozen one is thawed first: it hears the signal.
        """

    def wait(self, container_id: str, timeout_s: float) -> ExitStatus | None:
        """How a started container ended; None when it still runs after timeout_s, or is unknown."""

    def remove(self, container_id: str) -> None:
        """Kill if need be and free every kernel object and file but the log. Idempotent."""

    def get(self, container_id: str) -> Container | None:
        """One container, exited ones included, None when there is none of that id."""

    def usage(self, container_id: str) -> Usage:
        """What it uses now."""

    def processes(self, container_id: str) -> "list[Process]":
        """What runs in it now."""

    def written(self, container_id: str) -> Path | None:
        """Where lies what a container has written over its layers; None when it cannot be seen."""

    def frozen(self, container_id: str) -> AbstractContextManager[Path]:
        """Its processes held still for the block; where lies what they have written.

        Raises PaasError when they cannot be, or the container does not run.
        """

    def mounting(self, source: Path) -> Sequence[ContainerSpec]:
        """What runs, or is about to, with that host path mounted; in the foreground too."""

    def still(self, container_ids: Collection[str]) -> AbstractContextManager[None]:
        """The processes of several held still for the block; those that are gone are passed over.

        Raises PaasError, with all going on, when one cannot be.
        """

    def listening(self, container_id: str) -> list[tuple[str, int]]:
        """Addresses and ports its processes listen on (TCP), for telling a wrong port."""

    def connections(self, container_id: str) -> int:
        """How many connections to its port (spec.port) are established."""

    def on_exit(self, listener: Callable[[Container], None]) -> None:
        """Have listener called, from the engine's thread, whenever a started container ends."""

    def reconcile(self, keep: Collection[str] | None) -> list[str]:
        """Remove every kernel object and directory of containers not in keep.

        None keeps every container there is, and removes what belongs to none. Found by
        name, without the database. Foreground sessions of this daemon and containers
        being started are kept too. Returns what was removed, in words.
        """

    def close(self) -> None:
        """Stop watching; containers go on."""

    def list(self, app: str | None = None) -> list[Container]:
        """Every container not yet removed, of one app or of all."""
