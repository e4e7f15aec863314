"""The keeper: a thread that makes scheduled backups and finishes what a restore left to do."""

import logging
import threading
from collections.abc import Callable

from paas.backup import finishing, staging
from paas.deploy import rise
from paas.platform import Platform

log = logging.getLogger(__name__)


class Keeper:
    """Looks around every patrol_s, from start() to stop()."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._stopped = threading.Event()

    def start(self) -> None:
        rise.later(self._platform)
        threading.Thread(target=self._run, name="backup-keeper", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._platform.settings.patrol_s):
            for step in (self._finish, self._make):
                self._safely(step)

    def _safely(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:
            log.exception("a step of the backup keeper failed")

    def _finish(self) -> None:
        """A restore that was decided on and could not be put into place at once."""
        if staging.committed(self._platform) is None:
            return
        with finishing.TURNS.attempt("") as free:
            if free:
                finishing.finish(self._platform)
        rise.later(self._platform)

    def _make(self) -> None:
        from paas.backup import scheduled  # noqa: PLC0415 - not in a daemon's start

        scheduled.run_if_due(self._platform)
