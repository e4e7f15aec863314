"""An engine in memory: the same contract, no kernel. For tests of the floors above.

Programs are a few words it understands: sleep, echo, cat, exit, fail (does not start),
and `sh -c "exit N"`. What a container "listens" on and uses is set by the test.
"""

import os
import shlex
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

from paas.engines.base import Guest, Process, Session, Stream, Streams, Wire
from paas.errors import PaasError
from paas.model.container import Container, ContainerSpec, ExitStatus, Usage


@dataclass
class FakeProcess:
    """A program that runs in a thread until it ends or is told to."""

    argv: tuple[str, ...]
    stdin: int | None = None
    stdout: int | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    code: int | None = None

    def begin(self, finished: Callable[[int], None] | None = None) -> None:
        words = list(self.argv)
        if words[:2] == ["/bin/sh", "-c"]:
            words = shlex.split(words[2])
        if words[:1] == ["/.paas/launch"] and len(words) == 2:
            words = shlex.split(words[1])
        name, *rest = words
        if name == "fail":
            raise PaasError("the container could not be created: there is no program fail in it")

        def run() -> None:
            self.end(self._act(Path(name).name, rest))
            if finished and self.code is not None:
                finished(self.code)

        threading.Thread(target=run, daemon=True).start()

    def _act(self, name: str, rest: list[str]) -> int:
        if name == "sleep":
            self.ended.wait(float(rest[0]))
        elif name == "exit":
            return int(rest[0])
        elif name == "echo" and self.stdout is not None:
            os.write(self.stdout, (" ".join(rest) + "\n").encode())
        elif name == "cat" and self.stdin is not None and self.stdout is not None:
            while data := os.read(self.stdin, 65536):
                os.write(self.stdout, data)
        return 0

    def end(self, code: int) -> None:
        if self.code is None:
            self.code = code
            for descriptor in (self.stdin, self.stdout):
                if descriptor is not None:
                    os.close(descriptor)
        self.ended.set()


class FakeSession:
    """Satisfies engines.base.Session."""

    def __init__(self, process: FakeProcess, closed: Callable[[], None]) -> None:
        self.terminal: int | None = None
        self.address: IPv4Address | None = None
        self.size: tuple[int, int] | None = None
        self.process = process
        self._closed = closed

    def wait(self, timeout_s: float | None = None) -> ExitStatus | None:
        if not self.process.ended.wait(timeout_s) or self.process.code is None:
            return None
        return ExitStatus(self.process.code)

    def signal(self, number: int) -> None:
        self.process.end(128 + number)

    def kill(self) -> None:
        self.process.end(137)

    def resize(self, rows: int, columns: int) -> None:
        self.size = (rows, columns)

    def close(self) -> None:
        self.kill()
        self._closed()


class FakeWire:
    """Satisfies engines.base.Wire; nothing is said on it."""

    def receive(self) -> tuple[Stream, bytes] | None:
        return None

    def send(self, data: bytes) -> None: ...

    def end_input(self) -> None: ...

    def resize(self, rows: int, columns: int) -> None: ...

    def close(self) -> None: ...


@dataclass
class FakeGuest:
    """Satisfies engines.base.Guest."""

    container: Container
    name: str
    process: FakeProcess
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    shown: Path = Path("/dev/null")

    def attach(self) -> Wire:
        return FakeWire()

    def wait(self, timeout_s: float) -> ExitStatus | None:
        if not self.process.ended.wait(timeout_s) or self.process.code is None:
            return None
        return ExitStatus(self.process.code)

    def kill(self) -> None:
        self.process.end(137)


class FakeEngine:
    """Satisfies engines.base.Engine. `calls` tells what was asked, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.sessions: dict[str, ContainerSpec] = {}
        self.lodged: list[FakeGuest] = []
        self.ports: dict[str, list[tuple[str, int]]] = {}
        self.used: dict[str, Usage] = {}
        self.uppers: dict[str, Path] = {}
        self.connected: dict[str, int] = {}
        self.promoted: set[str] = set()
        self.still: set[str] = set()
        self._containers: dict[str, Container] = {}
        self._processes: dict[str, FakeProcess] = {}
        self._listeners: list[Callable[[Container], None]] = []
        self._ended = threading.Condition(threading.RLock())

    def start(self, spec: ContainerSpec) -> Container:
        self.calls.append(("start", spec.id))
        process = FakeProcess(spec.argv)
        number = len(self.calls)
        address = IPv4Address("10.0.0.0") + spec.slot * 64 + number % 60 + 2
        container = Container(spec, address, 1000 + number, datetime.now(UTC))
        with self._ended:
            self._processes[spec.id] = process
            self._containers[spec.id] = container
            try:
                process.begin(lambda code: self.ended(spec.id, ExitStatus(code)))
            except PaasError:
                self.remove(spec.id)
                raise
        return container

    def ended(self, container_id: str, status: ExitStatus) -> None:
        """A container ends like this: called by its program, or by a test."""
        with self._ended:
            container = self._containers.get(container_id)
            if container is None or not container.running:
                return
            container = self._containers[container_id] = replace(container, exit=status)
            self._ended.notify_all()
        for listener in list(self._listeners):
            listener(container)

    def attend(self, spec: ContainerSpec) -> tuple[Container, Wire]:
        return self.start(spec), FakeWire()

    def attach(self, container_id: str) -> Wire:
        return FakeWire()

    def spawn(self, spec: ContainerSpec, streams: Streams) -> Session:
        self.calls.append(("spawn", spec.id))
        process = foreground(spec.argv, streams)
        self.sessions[spec.id] = spec
        return FakeSession(process, lambda: void(self.sessions.pop(spec.id, None)))

    def execute(
        self,
        container_id: str,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        streams: Streams,
    ) -> Session:
        self.calls.append(("execute", container_id))
        container = self.get(container_id)
        if container is None or not container.running:
            raise PaasError(f"container {container_id} is not running")
        return FakeSession(foreground(argv, streams), lambda: None)

    def lodge(
        self,
        container_id: str,
        name: str,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        terminal: tuple[int, int],
    ) -> tuple[Guest, Wire]:
        self.calls.append(("lodge", container_id))
        container = self.get(container_id)
        if container is None or not container.running:
            raise PaasError(f"container {container_id} is not running")
        guest = FakeGuest(container, name, FakeProcess(argv))
        guest.process.begin()
        self.lodged.append(guest)
        return guest, FakeWire()

    def guests(self) -> "list[Guest]":
        return [one for one in self.lodged if one.wait(0) is None]

    def promote(self, container_id: str) -> None:
        if container_id in self._containers:
            self.promoted.add(container_id)

    def stop(self, container_id: str, grace_s: float) -> ExitStatus | None:
        self.calls.append(("stop", container_id))
        if container_id not in self._containers:
            return None
        self._processes[container_id].end(143)
        with self._ended:
            self._ended.wait_for(lambda: not self._containers[container_id].running, timeout=30)
            return self._containers[container_id].exit

    def wait(self, container_id: str, timeout_s: float) -> ExitStatus | None:
        def ended() -> Container | None:
            found = self._containers.get(container_id)
            return found if found and found.exit else None

        with self._ended:
            found = self._ended.wait_for(ended, timeout_s)
        return found.exit if found else None

    def freeze(self, container_id: str) -> None:
        self.calls.append(("freeze", container_id))
        self.still.add(container_id)

    def thaw(self, container_id: str) -> None:
        self.calls.append(("thaw", container_id))
        self.still.discard(container_id)

    def is_frozen(self, container_id: str) -> bool:
        return container_id in self.still

    def remove(self, container_id: str) -> None:
        self.calls.append(("remove", container_id))
        self._containers.pop(container_id, None)
        for guest in [one for one in self.lodged if one.container.id == container_id]:
            guest.kill()
        process = self._processes.pop(container_id, None)
        if process:
            process.end(137)

    def get(self, container_id: str) -> Container | None:
        return self._containers.get(container_id)

    def usage(self, container_id: str) -> Usage:
        return self.used.get(container_id, Usage())

    def processes(self, container_id: str) -> "list[Process]":
        return []

    def written(self, container_id: str) -> Path | None:
        return self.uppers.get(container_id)

    @contextmanager
    def frozen(self, container_id: str) -> Iterator[Path]:
        if container_id not in self.uppers:
            raise PaasError(f"container {container_id} has no files of its own to be seen")
        yield self.uppers[container_id]

    def mounting(self, source: Path) -> "list[ContainerSpec]":
        specs = [one.spec for one in self._containers.values() if one.running]
        every = [*specs, *self.sessions.values()]
        return [one for one in every if source in (mount.source for mount in one.mounts)]

    @contextmanager
    def still(self, container_ids: Collection[str]) -> Iterator[None]:
        self.calls.extend(("still", one) for one in container_ids)
        yield

    def listening(self, container_id: str) -> "list[tuple[str, int]]":
        return self.ports.get(container_id, [])

    def connections(self, container_id: str) -> int:
        return self.connected.get(container_id, 0)

    def on_exit(self, listener: Callable[[Container], None]) -> None:
        self._listeners.append(listener)

    def reconcile(self, keep: Collection[str] | None) -> "list[str]":
        if keep is None:
            return []
        left = [one for one in self._containers if one not in keep]
        for container_id in left:
            self.remove(container_id)
        return [f"container {container_id}: memory" for container_id in left]

    def close(self) -> None:
        self._listeners.clear()

    def list(self, app: str | None = None) -> "list[Container]":
        every = sorted(self._containers.values(), key=lambda one: one.started_at)
        return [one for one in every if app in (None, one.spec.app)]


def foreground(argv: tuple[str, ...], streams: Streams) -> FakeProcess:
    process = FakeProcess(argv, duplicate(streams.stdin), duplicate(streams.stdout))
    process.begin()
    return process


def duplicate(descriptor: int | None) -> int | None:
    return None if descriptor is None else os.dup(descriptor)


def void(_: object) -> None:
    return
