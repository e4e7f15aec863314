"""Supervision: containers in service that end are restarted, with backoff; a start restores all.

Started by the daemon. Exits arrive from the engine. Restarts wait in one schedule and
run in a bounded crew of threads, few of one app at a time, so that a crash loop takes
nobody's turn; no lock is held while a container is waited for.
"""

import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from paas.console import silent
from paas.deploy import boot, crashes, ends, fleet, health, policies, recovery, restoring, route
from paas.deploy.boot import Slot
from paas.deploy.lifetime import finish_moves
from paas.deploy.liveness import Vigil
from paas.deploy.patrol import Patrol
from paas.deploy.pipeline import attempt
from paas.deploy.restoring import Restoring
from paas.deploy.revert import revert
from paas.deploy.schedule import Schedule
from paas.deploy.substitute import substitute
from paas.errors import PaasError
from paas.model.app import App
from paas.model.container import Container, Kind
from paas.model.occasion import RestoreStarting
from paas.model.release import Release
from paas.model.restart import backoff_s
from paas.platform import Platform

log = logging.getLogger(__name__)

CREW = 32  # threads; most of them only wait for a container to answer
STARTS_AT_ONCE = 4
OF_ONE_APP = 4
NO_ROOM_S = 0.5  # until a slot whose app has its share of threads is looked at again

Key = tuple[int, str]


class Supervisor:
    """Keeps what should run running."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._crew = ThreadPoolExecutor(CREW, thread_name_prefix="supervise")
        self._schedule = Schedule(self._crew)
        self._starts = threading.Semaphore(STARTS_AT_ONCE)
        self._lock = threading.Lock()
        self._judging: set[str] = set()  # containers that ended, whose policy is being asked
        self._expected: set[Key] = set()  # slots that wait for their start, or are starting
        self._working: Counter[int] = Counter()
        self._hindered: Counter[Key] = Counter()  # starts in a row that the machine prevented
        self._ailing: set[str] = set()  # containers that are about to be replaced
        self._stopped = False
        self._restoring = threading.Lock()
        self._patrol = Patrol(platform, self._restore_meanwhile)
        self._vigil = Vigil(platform, self._unwell)

    # -- the daemon's start and end ------------------------------------------------

    def prepare(self) -> None:
        """Before there is a network or a proxy: have requests be told the truth from the first."""
        recovery.prepare(self._platform)

    def start(self) -> None:
        """Remove leftovers, adopt what runs, start what is missing, and watch."""
        recovery.recover(self._platform)
        self._platform.engine.on_exit(self._exited)
        threading.Thread(target=self._bring_back, name="restore", daemon=True).start()
        self._patrol.start()
        self._vigil.start()

    def _restore_meanwhile(self) -> None:
        """Nobody waits for a slot that does not get up."""
        threading.Thread(
            target=self._safely, args=(self.restore,), name="restore", daemon=True
        ).start()

    def _bring_back(self) -> None:
        self._safely(self._platform.plugins.happened, RestoreStarting("docker-local"), "paas")
        self._safely(self.restore)
        self._safely(finish_moves, self._platform)

    def stop(self) -> None:
        """Stop watching; every container goes on."""
        self._stopped = True
        self._patrol.stop()
        self._vigil.stop()
        self._schedule.close()
        self._crew.shutdown(wait=False, cancel_futures=True)

    def restore(self) -> None:
        """Start every slot that should run, as after a reboot; nothing while that is under way."""
        if not self._restoring.acquire(blocking=False):
            return
        try:
            plan = restoring.missing(self._platform)
            Restoring(plan, self._start_now, lambda: self._stopped).run()
        finally:
            self._restoring.release()

    def _start_now(self, name: str, slot: Slot) -> bool:
        """Start a slot in this thread, unless its start is expected anyway; whether it is up."""
        log.info("starting %s of %s, which should run", slot.name, name)
        app = self._platform.store.apps.find(name)
        if app is None or self._is_being_judged(app, slot) or not self._claim(app, slot):
            return False
        self._turn(app, slot)
        found = fleet.in_slot(self._platform, app, slot.name)
        return found is not None and found.running

    def _submit(self, action: object, *arguments: object) -> None:
        self._crew.submit(self._safely, action, *arguments)

    def _safely(self, action: object, *arguments: object) -> None:
        try:
            action(*arguments)  # type: ignore[operator]
        except Exception:
            log.exception("supervision failed")

    # -- one container's end ---------------------------------------------------------

    def _exited(self, container: Container) -> None:
        """Called by the engine for every started container that ended."""
        if container.spec.kind is Kind.APP:
            self._judging.add(container.id)
            self._submit(self._handle, container)
        elif container.spec.kind is Kind.RUN:
            self._submit(self._finish_run, container)

    def _finish_run(self, container: Container) -> None:
        spec = container.spec
        self._platform.logs.append(spec.app, f"{spec.hostname} {ends.describe(container)}")
        if not fleet.is_in_hand(container.id):  # whoever stops it removes it
            self._platform.engine.remove(container.id)

    def _is_being_judged(self, app: App, slot: Slot) -> bool:
        """Whether a slot's container has ended and its policy has yet to say what follows."""
        found = fleet.in_slot(self._platform, app, slot.name)
        return found is not None and found.id in self._judging

    def _handle(self, container: Container) -> None:
        try:
            self._judge(container)
        finally:
            self._judging.discard(container.id)

    def _judge(self, container: Container) -> None:
        platform = self._platform
        app = fleet.owner(platform, container)
        if app is None or container.id not in fleet.ids(platform, app):
            return
        delay_s = self._failed(app, container, ends.describe(container))
        route.publish(platform, app)
        if delay_s is not None:
            self._expect(app, boot.place(container), delay_s)

    def _failed(self, app: App, container: Container, words: str) -> float | None:
        """Remember and tell a failure; seconds until the next start, None when there is none."""
        platform = self._platform
        state = crashes.remember(platform, app, container)
        delay_s = None if state.gave_up else backoff_s(state.failures_in_a_row)
        policy = policies.restart(platform, app, container.spec)
        plan = f"not restarting ({policy})" if delay_s is None else f"restarting in {delay_s:g} s"
        name = container.spec.hostname
        platform.logs.append(app.name, f"{name} {words}; {plan}")
        detail = f"{name} of v{container.spec.release} {words}; {plan}"
        platform.record(app.name, "paas", "exit", detail, "failed")
        condemned = crashes.condemned(platform, app, container)
        if condemned is not None:
            self._submit(revert, platform, app.name, condemned.version)
        return delay_s

    def _unwell(self, container: Container, words: str) -> None:
        """A container in service failed its liveness check: once is enough until it is replaced."""
        with self._lock:
            known = container.id in self._ailing
            self._ailing.add(container.id)
        if not known:
            self._submit(self._substitute, container, words)

    def _substitute(self, container: Container, words: str) -> None:
        try:
            substitute(self._platform, container, words)
        finally:
            with self._lock:
                self._ailing.discard(container.id)

    # -- starting again ------------------------------------------------------------------

    def _expect(self, app: App, slot: Slot, delay_s: float) -> None:
        """Have a slot started after a while, unless that is expected already."""
        if self._claim(app, slot):
            self._schedule.later(delay_s, lambda: self._turn(app, slot))

    def _claim(self, app: App, slot: Slot) -> bool:
        """Whether a slot's start is ours to make: nobody else's is expected."""
        with self._lock:
            key = (app.id, slot.name)
            free = key not in self._expected
            self._expected.add(key)
        return free

    def _turn(self, app: App, slot: Slot) -> None:
        """Start a slot, when its app has not its share of the threads already."""
        with self._lock:
            full = self._working[app.id] >= OF_ONE_APP
            self._working[app.id] += not full
        if full:
            self._schedule.later(NO_ROOM_S, lambda: self._turn(app, slot))
            return
        delay_s = None
        try:
            delay_s = self._restart(app, slot)
            self._hindered.pop((app.id, slot.name), None)
        except (PaasError, OSError) as error:
            delay_s = self._not_started(app, slot, error)
        except Exception:
            log.exception("%s of %s could not be started", slot.name, app.name)
            delay_s = crashes.STEADY_AFTER_S
        finally:
            with self._lock:
                self._working[app.id] -= 1
                self._expected.discard((app.id, slot.name))
        if delay_s is None:
            delay_s = self._ended_meanwhile(app, slot)
        if delay_s is not None:
            self._expect(app, slot, delay_s)

    def _not_started(self, app: App, slot: Slot, error: Exception) -> float:
        """Tell what keeps a slot from being started, which no release is to blame for.

        Seconds until the next try.
        """
        self._hindered[app.id, slot.name] += 1
        delay_s = backoff_s(self._hindered[app.id, slot.name])
        words = f"{slot.name} could not be started: {error}; trying again in {delay_s:g} s"
        log.warning("%s: %s", app.name, words)
        attempt(self._platform.logs.append, app.name, words)
        self._platform.record(app.name, "paas", "restart", words, "failed")
        return delay_s

    def _ended_meanwhile(self, app: App, slot: Slot) -> float | None:
        """When to start a slot whose new container ended while it was still being started."""
        found = fleet.in_slot(self._platform, app, slot.name)
        if found is None or found.running:
            return None
        state = self._platform.store.process_states.get(app, slot.process, slot.index)
        return None if state.gave_up else backoff_s(state.failures_in_a_row)

    def _restart(self, known: App, slot: Slot) -> float | None:
        """Start a slot's container again, check it, put it in service.

        Seconds until it is to be tried again; None when it is up, or not wanted any more.
        """
        platform = self._platform
        app = platform.store.apps.by_id(known.id)
        release = app and platform.store.releases.current(app)
        if app is None or not release or slot not in boot.wanted(platform, app, release):
            return None
        old = fleet.in_slot(platform, app, slot.name)
        if (old is not None and old.running) or fleet.is_reserved(app, slot.name):
            return None
        spec = boot.spec(platform, app, release, slot)
        with fleet.in_hand(spec.id):
            with self._starts:
                new = platform.engine.start(spec)
            problem = self._problem(app, release, new)
            if problem:
                now = platform.engine.get(new.id) or new
                platform.engine.remove(new.id)
                return self._failed(app, now, problem)
            self._install(app, release, slot, old, new)
        return None

    def _problem(self, app: App, release: Release, new: Container) -> str:
        """Why a new container is not fit to serve; "" when it is."""
        try:
            with silent() as console:
                health.check_all(self._platform, app, release, [new], console)
        except PaasError as error:
            now = self._platform.engine.get(new.id)
            if now is not None and now.exit is not None:
                return ends.describe(now)
            return f"is not healthy: {error.message}"
        return ""

    def _install(
        self, app: App, release: Release, slot: Slot, old: Container | None, new: Container
    ) -> None:
        """Put it in service, unless something else was put there or wanted meanwhile."""
        platform = self._platform
        with fleet.changing(app):
            current = platform.store.releases.current(app)
            wanted = current is not None and current.version == release.version
            wanted = wanted and slot in boot.wanted(platform, app, release)
            wanted = wanted and not fleet.is_reserved(app, slot.name)
            installed = wanted and (
                fleet.swap(platform, app, old, new) if old else fleet.add(platform, app, new)
            )
            if installed:
                platform.engine.promote(new.id)
                route.publish(platform, app)
        if not installed:
            platform.engine.stop(new.id, policies.stop_grace_s(platform, app, new.spec))
            platform.engine.remove(new.id)
            return
        platform.logs.append(app.name, f"{slot.name} is up again")
        platform.record(app.name, "paas", "restart", f"{slot.name} of {release.name} is up again")
        if old is not None:
            platform.engine.remove(old.id)
