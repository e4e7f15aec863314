"""Liveness: checks that are made for as long as a process serves, as app.json asks for.

One that fails as often in a row as it says has its process replaced: a new one starts beside
it, is checked, takes over, and the old one ends. So a check that is wrong about a process
never makes things worse. Nothing is done for processes without such checks.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from paas.console import silent
from paas.deploy import alarm, checks, fleet, policies, probes
from paas.errors import PaasError
from paas.model.app import App
from paas.model.check import Check, Mode, Way
from paas.model.container import Container, Kind
from paas.model.release import Release
from paas.model.restart import backoff_s
from paas.platform import Platform

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
CREW = 8
LEAST_WAIT_S = 1.0  # between two looks, whatever app.json says

Replace = Callable[[Container, str], None]


@dataclass(eq=False, slots=True)
class Watch:
    """One check of one container: when it is made next, and how it has gone lately."""

    container: Container
    check: Check
    due: float
    failures: int = 0
    under_way: bool = False


class Vigil:
    """Looks at what serves, in a thread of its own and a small crew, from start() to stop()."""

    def __init__(self, platform: Platform, replace: Replace) -> None:
        """replace: put a new process in a container's place; the reason is in words."""
        self._platform = platform
        self._replace = replace
        self._crew = ThreadPoolExecutor(CREW, thread_name_prefix="vigil")
        self._watches: dict[str, list[Watch]] = {}  # by container; empty where nothing is asked
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="vigil", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self._crew.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_S):
            try:
                self.look()
            except Exception:
                log.exception("the vigil failed")

    def look(self) -> None:
        """Take note of who came and went, and make the checks that are due."""
        running = {
            one.id: one
            for one in self._platform.engine.list()
            if one.running and one.spec.kind is Kind.APP
        }
        self._watches = {key: found for key, found in self._watches.items() if key in running}
        new = [one for key, one in running.items() if key not in self._watches]
        if new:
            with self._platform.store.view():
                for one in new:
                    self._watches[one.id] = watches(self._platform, one)
        now = time.monotonic()
        for watch in [one for found in self._watches.values() for one in found]:
            if watch.due <= now and not watch.under_way and not self._is_still(watch):
                watch.under_way = True
                self._crew.submit(self._make, watch)

    def _is_still(self, watch: Watch) -> bool:
        """Whether a container is frozen: it can answer nobody, and nothing is wrong with it."""
        return self._platform.engine.is_frozen(watch.container.id)

    def _make(self, watch: Watch) -> None:
        try:
            self._judge(watch, problem_of(self._platform, watch))
        except Exception:
            log.exception("a liveness check of %s failed", watch.container.spec.app)
        finally:
            watch.due = time.monotonic() + max(watch.check.wait_s, LEAST_WAIT_S)
            watch.under_way = False

    def _judge(self, watch: Watch, problem: str) -> None:
        watch.failures = watch.failures + 1 if problem else 0
        if watch.failures < watch.check.attempts or not is_serving(self._platform, watch.container):
            return
        watch.failures = 0
        with silent() as console:
            alarm.sound(self._platform, watch.container, watch.check, problem, console)
        times = "once" if watch.check.attempts == 1 else f"{watch.check.attempts} times"
        self._replace(
            watch.container,
            f"failed its liveness check ({watch.check.title}) {times}: {problem}",
        )


def watches(platform: Platform, container: Container) -> list[Watch]:
    """What is asked of a container; the first time is later after replacements in a row."""
    app = platform.store.apps.in_slot(container.spec.slot)
    release = app and release_of(platform, app, container)
    if app is None or not release:
        return []
    spec = container.spec
    state = platform.store.process_states.get(app, spec.process, spec.index)
    pause_s = backoff_s(state.failures_in_a_row) if state.failures_in_a_row else 0
    return [
        Watch(
            container,
            check,
            time.monotonic() + check.initial_delay_s + max(check.wait_s, LEAST_WAIT_S, pause_s),
        )
        for check in plan(platform, app, release, spec.process)
    ]


def release_of(platform: Platform, app: App, container: Container) -> Release | None:
    """The release a container runs; None for one that is not kept any more."""
    current = platform.store.releases.current(app)
    if current is not None and current.version == container.spec.release:
        return current
    try:
        return platform.store.releases.get(app, container.spec.release)
    except PaasError:
        return None


def plan(platform: Platform, app: App, release: Release, process: str) -> Sequence[Check]:
    """The liveness checks of a process type; none where its checks are off."""
    if policies.mode(platform, app, process) is not Mode.ENABLED:
        return ()
    return checks.of_living(platform, app, release, process)


def problem_of(platform: Platform, watch: Watch) -> str:
    """What is wrong with a container now; "" when nothing is."""
    container, check = watch.container, watch.check
    if check.way is Way.LISTENING:
        heard = probes.accepts(container, check.port)
        return "" if heard else f"it does not listen on port {check.port}"
    try:
        with silent() as console:
            return probes.look(platform, container, check, console)
    except PaasError as error:
        return error.message


def is_serving(platform: Platform, container: Container) -> bool:
    """Whether a container runs and is in service, and nobody is busy with it."""
    app = fleet.owner(platform, container)
    now = platform.engine.get(container.id)
    if app is None or now is None or not now.running or fleet.is_in_hand(container.id):
        return False
    return container.id in fleet.ids(platform, app)
