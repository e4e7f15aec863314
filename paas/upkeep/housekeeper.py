"""The housekeeper: watches the disk, and frees space by policy, before it is short and when it is.

A thread of the daemon; what takes long is done by children of low priority.
"""

import logging
import threading
import time
from contextlib import suppress

from paas.console import Console, silent
from paas.disk import Level, State
from paas.errors import PaasError
from paas.image.errands import Errands
from paas.platform import Platform
from paas.upkeep import sizes
from paas.upkeep.collector import collect
from paas.upkeep.round import Wish
from paas.upkeep.sizes import Sizes

log = logging.getLogger(__name__)

FIRST_AFTER_S = 300.0  # a start has enough to do
# freeing that freed nothing is not tried again for so long, by itself ever more seldom
FRUITLESS_S, SELDOM_S = 60.0, 3600.0
RELIEF_S = 60.0  # whoever waits for room waits no longer than about that


class Housekeeper:
    """Looks every few seconds, and collects when it is time or when space is short."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._settings = platform.settings
        self._stopped = threading.Event()
        self._console: Console | None = None
        self._level = Level.OK
        self._fruitless_at = float("-inf")
        self._pause_s = FRUITLESS_S
        self._sizes: Sizes | None = None

    def start(self) -> None:
        """Begin to watch; whoever finds the disk full from now on has space freed."""
        self._platform.disk.relief = self.relieve
        self._platform.disk.largest = self.largest
        threading.Thread(target=self._run, name="housekeeper", daemon=True).start()

    def stop(self) -> None:
        """Stop watching; a collection under way is ended."""
        self._stopped.set()
        console = self._console
        if console is not None:
            console.cancel()

    def _run(self) -> None:
        interval_s = self._settings.gc_interval_s
        due = time.monotonic() + min(interval_s, FIRST_AFTER_S)
        self._safely(self.look)
        while not self._stopped.wait(self._settings.disk_watch_s):
            self._safely(self.look)
            if interval_s and time.monotonic() >= due:
                self._safely(self.tidy)
                due = time.monotonic() + interval_s

    def _safely(self, action: object) -> None:
        try:
            action()  # type: ignore[operator]
        except Exception:
            if not self._stopped.is_set():
                log.exception("housekeeping failed")

    # -- the disk ------------------------------------------------------------------

    def look(self) -> None:
        """See how the disk stands, say when that has changed, and free space when it is short."""
        disk = self._platform.disk
        if disk.drop_ballast():
            log.warning("the ballast was let go: hardly anything is left on the disk")
        state = disk.state()
        if state.level is not self._level:
            self.announce(state)
        if state.level is not Level.OK:
            self.relieve(hurry=False)
        else:
            with suppress(OSError):
                disk.keep_ballast()

    def announce(self, state: State) -> None:
        """A new level: in the daemon's log and among the events."""
        worse, self._level = state.level > self._level, state.level
        self._fruitless_at, self._pause_s = float("-inf"), FRUITLESS_S
        result = "failed" if worse else "succeeded"
        words = f"{state.words}; {self._platform.disk.advice()}" if worse else state.words
        (log.warning if worse else log.info)("%s", words)
        self._platform.record("", "paas", "disk", words, result)

    def relieve(self, *, hurry: bool = True) -> None:
        """Free space until there is enough; nothing so soon after a time that freed nothing.

        hurry: somebody waits for it.
        """
        pause_s = FRUITLESS_S if hurry else self._pause_s
        if time.monotonic() < self._fruitless_at + pause_s:
            return
        until = time.monotonic() + RELIEF_S

        def enough() -> bool:
            late = hurry and time.monotonic() > until
            return late or self._platform.disk.state().level is Level.OK

        freed = self._collect(Wish(enough=enough), hurry=hurry)
        self._fruitless_at = float("-inf") if freed else time.monotonic()
        self._pause_s = FRUITLESS_S if freed else min(2 * pause_s, SELDOM_S)

    # -- by policy -----------------------------------------------------------------

    def tidy(self) -> None:
        """What is due every now and then, and a look at who takes how much."""
        self._collect(Wish(), hurry=False)
        self.measure(hurry=False)

    def measure(self, *, hurry: bool) -> Sizes:
        """Who takes how much, measured now and remembered."""
        with Errands(self._platform.runner, hurry=hurry) as errands:
            self._sizes = sizes.measured(self._platform, errands)
        return self._sizes

    def largest(self) -> str:
        """The largest apps, in words; "" when that is not known."""
        try:
            return (self._sizes or self.measure(hurry=True)).largest
        except (PaasError, OSError):
            return ""

    def _collect(self, wish: Wish, *, hurry: bool) -> int:
        with silent() as console:
            self._console = None if hurry else console
            try:
                return collect(self._platform, wish, console, hurry=hurry).bytes
            finally:
                self._console = None
