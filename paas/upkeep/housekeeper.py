"""The housekeeper: watches the disk, and frees space by policy, before it is short and when it is.

One thread of the daemon looks, another one works, so that nothing that takes long keeps
the first from looking; the work itself is done by children of low priority.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from paas.console import Console, silent
from paas.disk import Level, State
from paas.errors import Cancelled, PaasError
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
    """Looks every few seconds, and has work done when it is time or when space is short."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._settings = platform.settings
        self._stopped = threading.Event()
        self._working = threading.Lock()
        self._console: Console | None = None  # of the work under way
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
        """Stop watching; work under way is ended."""
        self._stopped.set()
        self._interrupt()

    def _run(self) -> None:
        interval_s = self._settings.gc_interval_s
        due = time.monotonic() + min(interval_s, FIRST_AFTER_S)
        self._safely(self.look)
        while not self._stopped.wait(self._settings.disk_watch_s):
            self._safely(self.look)
            if interval_s and time.monotonic() >= due:
                self._work(lambda: self._collect(Wish()))
                due = time.monotonic() + interval_s

    def _work(self, action: Callable[[], object]) -> None:
        """Have something done by the other thread, unless that is busy."""
        if self._working.acquire(blocking=False):
            threading.Thread(
                target=self._worked, args=(action,), name="housework", daemon=True
            ).start()

    def _worked(self, action: Callable[[], object]) -> None:
        try:
            self._safely(action)
        finally:
            self._working.release()

    def _safely(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Cancelled:
            log.info("housekeeping made way")
        except Exception:
            if not self._stopped.is_set():
                log.exception("housekeeping failed")

    def _interrupt(self) -> None:
        console = self._console
        if console is not None:
            console.cancel()

    # -- the disk ------------------------------------------------------------------

    def look(self) -> None:
        """See how the disk stands, say when that has changed, and free space when it is short."""
        disk = self._platform.disk
        if disk.drop_ballast():
            log.warning("the ballast was let go: hardly anything is left on the disk")
        state = disk.state()
        if state.level is not self._level:
            self.announce(state)
        if state.level is not Level.OK and self._promising(self._pause_s):
            self._work(self.free)
        elif state.level is Level.OK:
            with suppress(OSError):
                disk.keep_ballast()

    def announce(self, state: State) -> None:
        """A new level: in the daemon's log and among the events."""
        worse, self._level = state.level > self._level, state.level
        self._fruitless_at, self._pause_s = float("-inf"), FRUITLESS_S
        result = "failed" if worse else "succeeded"
        words = f"{state.words}; paas disk tells who takes most" if worse else state.words
        (log.warning if worse else log.info)("%s", words)
        self._platform.record("", "paas", "disk", words, result)

    def free(self) -> None:
        """Free space until there is enough, however long it takes; then see who takes most."""
        self._freed(lambda: self._platform.disk.state().level is Level.OK, hurry=False)
        self.measure(hurry=False)

    def relieve(self) -> None:
        """The same while somebody waits; not so soon after a time that freed nothing."""
        if not self._promising(FRUITLESS_S):
            return
        until = time.monotonic() + RELIEF_S
        self._interrupt()  # what is done at leisure
        self._freed(
            lambda: time.monotonic() > until or self._platform.disk.state().level is Level.OK,
            hurry=True,
        )

    def _promising(self, pause_s: float) -> bool:
        return time.monotonic() >= self._fruitless_at + pause_s

    def _freed(self, enough: Callable[[], bool], *, hurry: bool) -> None:
        fruitless = True
        try:
            freed = self._collect(Wish(enough=enough), hurry=hurry)
            fruitless = not freed and self._platform.disk.state().level is not Level.OK
        except Cancelled:
            fruitless = False  # nobody knows what it would have come to
            raise
        finally:
            self._fruitless_at = time.monotonic() if fruitless else float("-inf")
            self._pause_s = min(2 * self._pause_s, SELDOM_S) if fruitless else FRUITLESS_S

    def _collect(self, wish: Wish, *, hurry: bool = False) -> int:
        with silent() as console:
            self._console = self._console if hurry else console
            try:
                return collect(self._platform, wish, console, hurry=hurry).bytes
            finally:
                self._console = self._console if hurry else None

    # -- who takes how much --------------------------------------------------------

    def largest(self) -> str:
        """The largest apps, in words; "" when that is not known."""
        found = self._sizes
        try:
            if found is None or not found.fresh:
                found = self.measure(hurry=True)
        except (PaasError, OSError):
            return ""
        return found.largest

    def measure(self, *, hurry: bool) -> Sizes:
        """Who takes how much, measured now and remembered."""
        with Errands(self._platform.runner, hurry=hurry) as errands:
            self._sizes = found = sizes.measured(self._platform, errands)
        return found
