"""Supervision: containers in service that end are restarted, with backoff; a start restores all.

Started by the daemon. Exits arrive from the engine; restarts wait in one queue
and run in a few threads, so that a crash loop of one app takes nobody's turn.
"""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from paas.console import Console, silent
from paas.deploy import boot, fleet, health, recovery, retire, route
from paas.deploy.boot import Slot
from paas.deploy.patrol import Patrol
from paas.deploy.release import manifest_of
from paas.errors import PaasError
from paas.model.app import App
from paas.model.check import Check
from paas.model.container import Container, Kind
from paas.platform import Platform, SlotHealth

log = logging.getLogger(__name__)

FIRST_BACKOFF_S = 0.2
LAST_BACKOFF_S = 60.0
STEADY_AFTER_S = 60.0
AT_ONCE = 4


class Supervisor:
    """Keeps what should run running."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="supervise")
        self._timers: set[threading.Timer] = set()
        self._stopped = False
        # slots being started, and those waiting to be
        self._busy: set[tuple[str, Slot]] = set()
        self._patrol = Patrol(platform, self.restore)

    # -- the daemon's start and end ------------------------------------------------

    def start(self) -> None:
        """Remove leftovers, adopt what runs, start what is missing, and watch."""
        recovery.recover(self._platform)
        self._platform.engine.on_exit(self._exited)
        threading.Thread(target=self._bring_back, name="restore", daemon=True).start()
        self._patrol.start()

    def _bring_back(self) -> None:
        self._safely(self.restore)
        self._safely(recovery.refresh_moved, self._platform)

    def stop(self) -> None:
        """Stop watching; every container goes on."""
        self._stopped = True
        self._patrol.stop()
        for timer in list(self._timers):
            timer.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def restore(self) -> None:
        """Start every slot that should run and that nobody is busy with, as after a reboot."""
        places = recovery.missing(self._platform)
        idle = [one for one in places if (one.app, one.slot) not in self._busy]

        def start(app: str, slot: Slot) -> None:
            self._safely(self._restart, app, slot)

        recovery.restore(idle, start, lambda: self._stopped)

    # -- one container's end ---------------------------------------------------------

    def _exited(self, container: Container) -> None:
        """Called by the engine for every started container that ended."""
        if container.spec.kind is Kind.APP:
            self._pool.submit(self._safely, self._handle, container)
        elif container.spec.kind is Kind.RUN:
            self._pool.submit(self._safely, self._finish_run, container)

    def _finish_run(self, container: Container) -> None:
        self._note(container, "")
        self._platform.engine.remove(container.id)

    def _handle(self, container: Container) -> None:
        platform = self._platform
        app = by_slot(platform, container.spec.slot)
        if app is None or container.id not in fleet.ids(platform, app):
            return
        state = remember(platform, container)
        route.publish(platform, app)
        delay_s = backoff(state)
        self._note(container, f"; restarting in {delay_s:g} s")
        self._later(delay_s, app.name, boot.slot_of(container.spec.process, container.spec.index))

    def _note(self, container: Container, rest: str) -> None:
        text = f"{container.spec.hostname} {health.describe_exit(container)}{rest}"
        self._platform.logs.append(container.spec.app, text)

    def _later(self, delay_s: float, app: str, slot: Slot) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            self._busy.discard((app, slot))
            if not self._stopped:
                self._pool.submit(self._safely, self._restart, app, slot)

        timer = threading.Timer(delay_s, fire)
        timer.daemon = True
        self._timers.add(timer)
        self._busy.add((app, slot))
        timer.start()

    # -- starting again ------------------------------------------------------------------

    def _restart(self, name: str, slot: Slot) -> None:
        """Start a slot's container again, unless somebody is at it."""
        if (name, slot) in self._busy:
            return
        self._busy.add((name, slot))
        again = True
        try:
            self._start(name, slot)
            again = False
        finally:
            self._busy.discard((name, slot))
            if again:  # it could not even be started, as on a full disk
                state = self._platform.health(name, slot.process, slot.index)
                state.failures_in_a_row += 1
                self._later(backoff(state), name, slot)

    def _start(self, name: str, slot: Slot) -> None:
        """Start a slot's container, check it, put it in service."""
        platform = self._platform
        app = platform.store.apps.find(name)
        release = app and platform.store.releases.current(app)
        if app is None or not release or slot not in boot.wanted(platform, app, release):
            return
        old = next(
            (c for c in fleet.in_service(platform, app) if c.spec.hostname == slot.name), None
        )
        if old is not None and old.running:
            return
        spec = boot.spec(platform, app, release, slot)
        with fleet.in_hand(spec.id):
            new = platform.engine.start(spec)
            check = health.check_of(platform, app, manifest_of(release))
            self._check_and_install(app, old, new, check)

    def _check_and_install(
        self, app: App, old: Container | None, new: Container, check: Check
    ) -> None:
        platform = self._platform
        with silent() as console:
            healthy = self._healthy(new, check, console)
        if not healthy:
            self._failed_again(app, new)
            return
        installed = fleet.swap(platform, app, old, new) if old else fleet.add(platform, app, new)
        if not installed:
            retire.later(platform, [new])
            return
        platform.logs.append(app.name, f"{new.spec.hostname} is up again")
        route.publish(platform, app)
        if old is not None:
            platform.engine.remove(old.id)

    def _healthy(self, new: Container, check: Check, console: Console) -> bool:
        try:
            health.probe(self._platform, new, check, console)
        except PaasError as error:
            self._platform.logs.append(new.spec.app, error.message)
            return False
        return True

    def _failed_again(self, app: App, new: Container) -> None:
        platform = self._platform
        now = platform.engine.get(new.id) or new
        state = remember(platform, now)
        platform.engine.remove(new.id)
        route.publish(platform, app)
        self._later(backoff(state), app.name, boot.slot_of(new.spec.process, new.spec.index))

    def _safely(self, function: object, *arguments: object) -> None:
        try:
            function(*arguments)  # type: ignore[operator]
        except Exception:
            log.exception("supervision failed")


def by_slot(platform: Platform, slot: int) -> App | None:
    """The app of a container, also when it was started under another name."""
    return next((app for app in platform.store.apps.list() if app.slot == slot), None)


def remember(platform: Platform, container: Container) -> SlotHealth:
    """Count an exit; a container that ran long enough starts the count anew."""
    spec = container.spec
    state = platform.health(spec.app, spec.process, spec.index)
    now = datetime.now(UTC)
    steady = (now - container.started_at).total_seconds() > STEADY_AFTER_S
    state.failures_in_a_row = 1 if steady else state.failures_in_a_row + 1
    state.restarts += 1
    state.last_exit, state.last_exit_at = container.exit, now
    state.waiting_until = time.time() + backoff(state)
    return state


def backoff(state: SlotHealth) -> float:
    """Seconds before the next start: doubling from 0.2 to 60."""
    doublings = min(max(0, state.failures_in_a_row - 1), 16)
    return float(min(FIRST_BACKOFF_S * 2**doublings, LAST_BACKOFF_S))
