"""The composition root: settings in, every room wired to the ones below it."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from paas.command import Runner
from paas.console import Console
from paas.engines.base import Engine
from paas.engines.embedded.engine import EmbeddedEngine
from paas.errors import Cancelled
from paas.git.repositories import Repositories
from paas.image.layers import Layers
from paas.image.stack import Stack
from paas.logs.logs import Logs
from paas.model.container import ExitStatus
from paas.network.networks import Networks
from paas.proxy.proxy import Proxy
from paas.settings import Settings
from paas.store.store import Store


class AppLocks:
    """One holder an app at a time; the others wait their turn and are told where they stand."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._queues: dict[str, deque[object]] = {}

    @contextmanager
    def hold(self, app: str, console: Console) -> Iterator[None]:
        """Wait for the app's lock, saying so; raises Cancelled when the caller goes away."""
        ticket = object()
        with self._condition:
            queue = self._queues.setdefault(app, deque())
            queue.append(ticket)
            self._wait(queue, ticket, console)
        try:
            yield
        finally:
            self._leave(app, ticket)

    def _wait(self, queue: deque[object], ticket: object, console: Console) -> None:
        said = 0
        try:
            while queue[0] is not ticket:
                console.check_cancelled()
                ahead = queue.index(ticket)
                if ahead != said:
                    console.step(
                        f"Another operation on this app is running; {ahead} ahead of this one"
                    )
                    said = ahead
                self._condition.wait(0.5)
        except Cancelled:
            queue.remove(ticket)
            self._condition.notify_all()
            raise

    def _leave(self, app: str, ticket: object) -> None:
        with self._condition:
            queue = self._queues[app]
            queue.remove(ticket)
            if not queue:
                del self._queues[app]
            self._condition.notify_all()


@dataclass(slots=True)
class SlotHealth:
    """What supervision remembers of one slot (`web.1`) of an app."""

    restarts: int = 0
    failures_in_a_row: int = 0
    last_exit: ExitStatus | None = None
    last_exit_at: datetime | None = None
    waiting_until: float | None = None


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything a command or a deploy step may need, made once by the daemon."""

    settings: Settings
    runner: Runner
    store: Store
    engine: Engine
    layers: Layers
    stack: Stack
    networks: Networks
    proxy: Proxy
    repositories: Repositories
    logs: Logs
    locks: AppLocks = field(default_factory=AppLocks)
    build_places: threading.Semaphore = field(default_factory=threading.Semaphore)
    slot_health: dict[tuple[str, str, int], SlotHealth] = field(default_factory=dict)

    @classmethod
    def open(cls, settings: Settings, runner: Runner) -> "Platform":
        """Wire the rooms; nothing is started yet."""
        stack = Stack(settings, runner)
        layers = Layers(settings.state_dir / "layers", shared=(stack.root,))
        networks = Networks(settings, runner)
        return cls(
            settings=settings,
            runner=runner,
            store=Store(settings),
            engine=EmbeddedEngine(settings, runner, layers, networks),
            layers=layers,
            stack=stack,
            networks=networks,
            proxy=Proxy(settings, runner),
            repositories=Repositories(settings, runner),
            logs=Logs(settings),
            build_places=threading.Semaphore(settings.builds_at_once),
        )

    def start(self) -> None:
        """Bring up what containers and requests need: network, name service, proxy."""
        self.networks.ensure()
        self.proxy.start()
        self.logs.start()

    def health(self, app: str, process: str, index: int) -> SlotHealth:
        """What is remembered of one slot; empty at first."""
        return self.slot_health.setdefault((app, process, index), SlotHealth())
