"""Pulling: apps that follow a repository come up to date by themselves, by time or when asked.

Touches: one thread that looks what is due, and a few that fetch and deploy.
"""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

from paas.console import Console, silent
from paas.deploy import policies, sync
from paas.deploy.sync import EVERY, NAMESPACE, Build
from paas.errors import Cancelled, PaasError
from paas.model.app import App
from paas.model.caller import Caller
from paas.model.cron import due_after
from paas.platform import Platform

log = logging.getLogger(__name__)

AT_ONCE = 2
LOOK_S = 5.0  # times are of whole minutes
ASKED = "sync-asked"
SCHEDULE = "schedule"


class Puller:
    """Looks around every LOOK_S, from start() to stop()."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._stopped = threading.Event()
        self._crew = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="puller")
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self._consoles: set[Console] = set()

    def start(self) -> None:
        threading.Thread(target=self._watch, name="puller", daemon=True).start()

    def stop(self) -> None:
        """What is under way is cut short, and is due again at the next start."""
        self._stopped.set()
        with self._lock:
            under_way = list(self._consoles)
        for console in under_way:
            console.cancel()
        self._crew.shutdown(wait=True, cancel_futures=True)

    def ask(self, name: str, actor: str) -> bool:
        """Have an app brought up to date soon; False when that is about to happen already."""
        with self._lock:
            if name in self._waiting or self._stopped.is_set():
                return False
            self._waiting.add(name)
        self._crew.submit(self._pull, name, actor)
        return True

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_S):
            try:
                for app in due(self._platform, datetime.now(UTC)):
                    note_asked(self._platform, app)
                    self.ask(app.name, SCHEDULE)
            except Exception:
                log.exception("what is due could not be looked for")

    def _pull(self, name: str, actor: str) -> None:
        with self._lock:
            self._waiting.discard(name)  # what is asked for from now on may be newer
        try:
            with self._speaking() as console:
                caller = Caller(actor, "daemon", frozenset())
                sync.sync(self._platform, name, Build.IF_NEW, caller, console)
        except Cancelled:
            log.info("the sync of %s was cut short", name)
        except PaasError as error:
            log.info("the sync of %s failed: %s", name, error.message)
        except Exception:
            log.exception("the sync of %s failed", name)

    @contextmanager
    def _speaking(self) -> Iterator[Console]:
        """A console that nobody hears, which stop() cancels."""
        with silent() as console:
            with self._lock:
                self._consoles.add(console)
            try:
                if self._stopped.is_set():
                    console.cancel()
                yield console
            finally:
                with self._lock:
                    self._consoles.discard(console)


def due(platform: Platform, now: datetime) -> list[App]:
    """Apps that it is time to bring up to date."""
    with platform.store.view():
        every = [app for app in platform.store.apps.list() if not app.locked]
        return [app for app in every if is_due(platform, app, now)]


def is_due(platform: Platform, app: App, now: datetime) -> bool:
    """A time that passed while nobody was there counts once; a clock may have gone back."""
    rule = policies.value(platform, app, NAMESPACE, EVERY)
    known = platform.store.properties.all(app, NAMESPACE)
    if rule is None or not known.get(sync.URL):
        return False
    last = known.get(ASKED)
    return last is None or due_after(rule, min(datetime.fromisoformat(last), now)) <= now


def note_asked(platform: Platform, app: App) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    platform.store.properties.set(app, NAMESPACE, ASKED, now)
