"""The guard: nginx is there again when it ended and nobody meant it to.

Touches: a pidfd of nginx's master, waited on by a thread.
"""

import logging
import os
import threading
from collections.abc import Callable

from paas.polling import readable

log = logging.getLogger(__name__)

PAUSE_S = 1.0  # before it is looked at again

Told = Callable[[str, bool], object]


class Guard:
    """Watches one nginx. pid: its master's; revive: starts it if that is wanted, and says so."""

    def __init__(self, pid: Callable[[], int | None], revive: Callable[[], bool]) -> None:
        self._pid = pid
        self._revive = revive
        self._over = threading.Event()
        self._reason = ""  # why it does not start; "" while it is well

    def begin(self, told: Told) -> None:
        """Watch from now on. told: called with what happened, and whether it is well again."""
        threading.Thread(target=self._run, args=(told,), name="nginx", daemon=True).start()

    def end(self) -> None:
        """Watch no longer; nginx goes on."""
        self._over.set()

    def _run(self, told: Told) -> None:
        while not self._over.is_set():
            pid = self._pid()
            if pid is not None and self._reason:
                self._recovered(told)  # whoever needed it was sooner than this
            wait_for_end(pid)
            if self._over.is_set():
                return
            if self._pid() is None:
                self._again(told)
            elif pid is not None:
                self._recovered(told)
            self._over.wait(PAUSE_S)

    def _again(self, told: Told) -> None:
        """Try once; what comes of it is told when it is news."""
        try:
            if self._revive() or self._pid() is not None:
                self._recovered(told)
        except Exception as error:
            if self._reason != str(error):
                log.exception("nginx ended and does not start")
                told(f"nginx ended and does not start: {error}", False)
            self._reason = str(error)

    def _recovered(self, told: Told) -> None:
        log.warning("nginx ended and was started again")
        told("nginx ended and was started again", True)
        self._reason = ""


def wait_for_end(pid: int | None) -> None:
    """Return once a process has ended; at once when there is none."""
    if pid is None:
        return
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        readable([descriptor])
    finally:
        os.close(descriptor)
