"""The engine that needs no other: runc starts, conmon supervises, the kernel limits.

Touches nothing itself: bundle prepares and frees, runtime starts, exits hears of
ends, session runs in the foreground, joining and guests beside what runs there,
reconcile finds what was left behind. Here is which containers there are, filled from
their directories when the daemon starts.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from paas import priority
from paas.command import Runner
from paas.engines.base import Guest, Process, Session, Streams, Wire
from paas.engines.embedded import listing, processes, runtime, session, sockets
from paas.engines.embedded import spec as oci
from paas.engines.embedded.bundle import Bundles
from paas.engines.embedded.cgroups import signal_process
from paas.engines.embedded.disk import DiskWatch
from paas.engines.embedded.ends import Ends, tell
from paas.engines.embedded.exits import ExitWatch, classify
from paas.engines.embedded.guests import Guests
from paas.engines.embedded.index import Index
from paas.engines.embedded.joining import Joining
from paas.engines.embedded.reconcile import Sweep
from paas.engines.embedded.stillness import Stillness
from paas.engines.embedded.stopwatch import Stopwatch
from paas.engines.embedded.usage import traffic
from paas.engines.embedded.weights import Weights
from paas.engines.embedded.wire import attached
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.image.layers import Layers
from paas.model.container import Container, ContainerSpec, ExitStatus, Kind, Usage
from paas.network.networks import Networks
from paas.settings import Settings

log = logging.getLogger(__name__)

KILL_TIMEOUT_S = 10.0


class EmbeddedEngine:
    """Satisfies engines.base.Engine. Safe to use from several threads."""

    def __init__(
        self, settings: Settings, runner: Runner, layers: Layers, networks: Networks
    ) -> None:
        self.settings = settings
        self._runner = runner
        self._bundles = Bundles(settings, runner, layers, networks)
        self._directories = self._bundles.directories
        self._cgroups = self._bundles.cgroups
        self._weights = Weights(self._cgroups)
        self._stillness = Stillness(self._cgroups, self._directories)
        self._directories.make()
        self._index = Index(self._directories, self._cgroups)
        self._ends = Ends(self._index.lock)
        self._exits = ExitWatch(self._directories.exits, self._ended, self._is_monitored)
        for container in self._index.load():
            self._stillness.let_go(container.id)
            self._exits.track(container.id, container.pid)
        self._joining = Joining(runner, self._bundles)
        self._guests = Guests(runner, self._directories, self._cgroups)
        for container in self._index.containers(None):
            self._guests.find(container)
            layers.holds.take(container.id, [layer.id for layer in container.spec.layers])

    # -- in the background ---------------------------------------------------------

    def start(self, spec: ContainerSpec) -> Container:
        """Start under conmon; PaasError, with nothing left behind, when that fails."""
        return self._start(spec, lambda: None)

    def attend(self, spec: ContainerSpec) -> tuple[Container, Wire]:
        """Start likewise, being on the wire from the first byte on."""
        with ExitStack() as undo:
            wires: list[Wire] = []

            def attach() -> None:
                wires.append(attached(self._directories.container(spec.id), spec.hostname))
                undo.callback(wires[0].close)

            container = self._start(spec, attach)
            undo.pop_all()
        return container, wires[0]

    def attach(self, container_id: str) -> Wire:
        """Be on a running container's wire from now on; PaasError when it does not run."""
        container = self._running(container_id)
        return attached(self._directories.container(container_id), container.spec.hostname)

    def _start(self, spec: ContainerSpec, created: Callable[[], None]) -> Container:
        watch = Stopwatch()
        with self._index.starting(spec):
            spec = self._bundles.held(spec)
            place = self._bundles.prepare(spec)
            watch.lap("prepare")
            try:
                failpoint("boot.prepared")
                container = self._boot(spec, place, watch, created)
            except BaseException:
                self._forget(spec.id)
                raise
        log.info("started %s of %s as %s: %s", spec.hostname, spec.app, spec.id, watch)
        return container

    def _boot(
        self, spec: ContainerSpec, place: oci.Place, watch: Stopwatch, created: Callable[[], None]
    ) -> Container:
        if spec.log is not None:
            spec.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._bundles.write_config(spec, place, terminal=spec.terminal)
        watch.lap("config")
        pid = runtime.create(self._runner, self._directories, spec, self.settings.log_max_bytes)
        failpoint("boot.created")
        watch.lap("create")
        created()
        self._bundles.connected(spec.id)
        watch.lap("network")
        self._weights.favour()  # runc has made the groups by now
        runtime.release(self._directories, spec.id, pid)
        watch.lap("begin")
        # only now: what has a record has begun
        container = Container(spec, place.address, pid, datetime.now(UTC))
        self._index.add(container)
        self._exits.track(spec.id, pid)
        failpoint("boot.recorded")
        return container

    def promote(self, container_id: str) -> None:
        """Have an app's container go first, at its full weight. Nothing when it is gone."""
        container = self.get(container_id)
        if container is not None:
            self._weights.give(container_id, container.spec.limits.cpu_shares)
            priority.answer_soon(self._cgroups.pids(container_id))

    def stop(self, container_id: str, grace_s: float) -> ExitStatus | None:
        """Its stop signal, up to grace_s, SIGKILL; None when there is no such container."""
        entry = self._index.entry(container_id)
        if entry is None:
            return None
        entry.stopping = True
        if not entry.ended.is_set():
            self._cgroups.thaw(container_id)
            spec = entry.container.spec
            self._signal(spec, entry.container.pid, spec.stop_signal)
            if not entry.ended.wait(grace_s):
                self._cgroups.kill(container_id)
                entry.ended.wait(KILL_TIMEOUT_S)
        return entry.container.exit

    def wait(self, container_id: str, timeout_s: float) -> ExitStatus | None:
        """How it ended; None when it runs on, or is not known."""
        entry = self._index.entry(container_id)
        if entry is None or not entry.ended.wait(timeout_s):
            return None
        return entry.container.exit

    def remove(self, container_id: str) -> None:
        """Kill if need be and free everything but the log and a given upper. Idempotent."""
        self._forget(container_id)

    def _forget(self, container_id: str) -> None:
        self._exits.forget(container_id)
        self._bundles.take_down(container_id)
        self._index.drop(container_id)
        self._ends.forget(container_id)

    # -- in the foreground -----------------------------------------------------------

    def spawn(self, spec: ContainerSpec, streams: Streams) -> Session:
        """Start in the foreground; PaasError, with nothing left behind, when that fails."""
        self._index.sessions[spec.id] = spec
        try:
            spec = self._bundles.held(spec)
            place = self._bundles.prepare(spec)
            try:
                return self._foreground(spec, place, streams)
            except BaseException:
                self._bundles.take_down(spec.id)
                raise
        except BaseException:
            self._index.sessions.pop(spec.id, None)
            raise

    def _foreground(self, spec: ContainerSpec, place: oci.Place, streams: Streams) -> Session:
        self._bundles.write_config(spec, place, terminal=streams.terminal)
        self._bundles.connected(spec.id)
        watches: list[DiskWatch] = []

        def judge(code: int) -> ExitStatus:
            full = any(watch.tripped for watch in watches)
            status = classify(code, self._cgroups.memory_kills(spec.id), stopped=False)
            return ExitStatus(code, out_of_disk=True) if full else status

        def clean() -> None:
            for watch in watches:
                watch.close()
            self._bundles.take_down(spec.id)
            self._index.sessions.pop(spec.id, None)

        ways = session.Ways(
            signal=lambda pid, number: self._signal(spec, pid, number),
            kill=lambda _pid: self._kill(spec.id),
            judge=judge,
            clean=clean,
        )
        pid_file = self._directories.pid_file(spec.id)
        runc_log = self._directories.runc_log(spec.id)
        argv = runtime.runc_run(self._directories, spec.id)
        gently = spec.kind is Kind.BUILD
        started = session.begin(
            self._runner, argv, streams, pid_file, runc_log, ways, gently=gently
        )
        started.address = place.address
        if spec.upper is not None:
            others = [one.source for one in spec.mounts if not one.read_only and not one.ids]
            limit = spec.limits.scratch_bytes
            watches.append(
                DiskWatch(
                    spec.upper,
                    others,
                    limit,
                    lambda: self._kill(spec.id),
                    lambda: self._cgroups.pids(spec.id),
                )
            )
        return started

    def _signal(self, spec: ContainerSpec, pid: int, number: int) -> None:
        if spec.init:
            processes.signal_program(pid, number, lambda: self._cgroups.pids(spec.id))
        else:
            signal_process(pid, number)

    def _kill(self, container_id: str) -> None:
        self._cgroups.kill(container_id)

    def execute(
        self,
        container_id: str,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        streams: Streams,
    ) -> Session:
        """Run argv as the container's user, beside what runs there."""
        container = self._awake(container_id)
        process = self._joining.described(container.spec, argv, environment, streams.terminal)
        return self._joining.begin(container, process, streams)

    # -- on terminals of their own -------------------------------------------------------

    def lodge(
        self,
        container_id: str,
        name: str,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        terminal: oci.Size,
    ) -> tuple[Guest, Wire]:
        """Run argv as execute does, on a terminal that conmon holds."""
        container = self._awake(container_id)
        process = self._joining.described(container.spec, argv, environment, terminal)
        return self._guests.lodge(container, name, process)

    def guests(self) -> Sequence[Guest]:
        """Those that have not ended, oldest first."""
        return self._guests.present()

    # -- what there is -----------------------------------------------------------------

    def get(self, container_id: str) -> Container | None:
        """One container, exited ones included."""
        entry = self._index.entry(container_id)
        return entry.container if entry else None

    def _running(self, container_id: str) -> Container:
        container = self.get(container_id)
        if container is None or not container.running:
            raise PaasError(f"container {container_id} is not running")
        return container

    def _awake(self, container_id: str) -> Container:
        container = self._running(container_id)
        if self.is_frozen(container_id):
            raise PaasError(
                f"{container.spec.hostname} is frozen: nothing can be run in it",
                f"paas ps:thaw {container.spec.app} {container.spec.hostname}",
            )
        return container

    def usage(self, container_id: str) -> Usage:
        """What it uses now."""
        received, sent = traffic(self.settings.link(container_id))
        used = self._cgroups.usage(container_id)
        return replace(used, received_bytes=received, sent_bytes=sent)

    def processes(self, container_id: str) -> "list[Process]":
        """What runs in it now."""
        container = self.get(container_id)
        base = self.settings.uids(container.spec.slot) if container else 0
        return listing.processes(self._cgroups.pids(container_id), base)

    def written(self, container_id: str) -> Path | None:
        """Its writable layer, when it has one of its own."""
        container = self.get(container_id)
        if container is None:
            return None
        upper = container.spec.upper or self._bundles.scratch.upper(container_id)
        return upper if upper.is_dir() else None

    def mounting(self, source: Path) -> Sequence[ContainerSpec]:
        """What runs, or is about to, with that host path mounted."""
        return self._index.mounting(source)

    @contextmanager
    def still(self, container_ids: Collection[str]) -> Iterator[None]:
        """Several held still for a moment; those that have gone meanwhile are passed over."""
        with ExitStack() as undo:
            for container_id in container_ids:
                with suppress(FileNotFoundError):
                    undo.enter_context(self._stillness.for_a_moment(container_id))
            yield

    @contextmanager
    def frozen(self, container_id: str) -> Iterator[Path]:
        """Hold it still; a daemon that dies meanwhile leaves a mark by which the next lets go."""
        upper = self.written(container_id)
        if upper is None:
            raise PaasError(f"container {container_id} has no files of its own to be seen")
        with self._stillness.for_a_moment(container_id):
            yield upper

    def listening(self, container_id: str) -> list[tuple[str, int]]:
        """Addresses and ports its processes listen on."""
        container = self.get(container_id)
        return sockets.listening(container.pid) if container and container.running else []

    def connections(self, container_id: str) -> int:
        """Established connections to its port."""
        container = self.get(container_id)
        if container is None or not container.running:
            return 0
        return sockets.connections(container.pid, container.spec.port)

    def freeze(self, container_id: str) -> None:
        """Stop everything in it where it is; PaasError when that cannot be."""
        self._stillness.freeze(self._running(container_id))

    def thaw(self, container_id: str) -> None:
        """Let everything in it go on. Idempotent."""
        self._cgroups.thaw(container_id)

    def is_frozen(self, container_id: str) -> bool:
        """Whether it is frozen, by the kernel's word."""
        return self._cgroups.frozen(container_id)

    # -- ends ----------------------------------------------------------------------------

    def on_exit(self, listener: Callable[[Container], None]) -> None:
        """Have listener called of every end, those that came before any listener first."""
        self._ends.listen(listener)

    def _is_monitored(self, container_id: str) -> bool:
        return runtime.is_monitored(self._directories.container(container_id))

    def _ended(self, container_id: str, code: int) -> None:
        entry = self._index.entry(container_id)
        if entry is None:
            return
        status = classify(code, self._index.fresh_kills(entry), stopped=entry.stopping)
        container, listeners = self._ends.come(lambda: self._index.end(entry, status))
        log.info("%s of %s %s", container.spec.hostname, container.spec.app, status.reason)
        for listener in listeners:
            tell(listener, container)

    # -- the machine -----------------------------------------------------------------------

    def reconcile(self, keep: Collection[str] | None) -> list[str]:
        """Remove every trace of containers that are neither kept, in use nor just starting."""
        self._index.count_kills()
        return Sweep(self._bundles, self._index).run(None if keep is None else set(keep))

    def close(self) -> None:
        """Stop watching; containers go on."""
        self._exits.close()
        self._bundles.close()
        self._cgroups.remove_parents()

    def list(self, app: str | None = None) -> list[Container]:
        """Every container not yet removed, oldest first."""
        return self._index.containers(app)
