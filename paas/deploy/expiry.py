"""Expiry: one-off containers end when their time is over, or nobody comes back to them.

Sessions in other containers, too. The time is in a container's own record, so a restart of
the daemon changes nothing; since when nobody is on a terminal is counted anew.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from paas.deploy import entering, fleet, oneoff, policies, terminals
from paas.model.container import Container
from paas.platform import Platform

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
CREW = 4
IDLE = ("run", "idle-seconds")


class Expiry:
    """Looks at one-off containers and sessions, in a thread of its own, from start() to stop()."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._stopped = threading.Event()
        self._crew = ThreadPoolExecutor(CREW, thread_name_prefix="expiry")
        self._ending: set[str] = set()
        self._left_at: dict[str, float] = {}

    def start(self) -> None:
        threading.Thread(target=self._run, name="expiry", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self._crew.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_S):
            try:
                self._look()
            except Exception:
                log.exception("looking for what is over failed")

    def _look(self) -> None:
        containers = oneoff.everywhere(self._platform)
        sessions = entering.sessions(self._platform)
        keys = {one.id for one in containers} | {entering.key_of(one) for one in sessions}
        self._left_at = {key: at for key, at in self._left_at.items() if key in keys}
        for container in containers:
            self._end_if(container.id, self._why_over(container), partial(self._stop, container))
        for guest in sessions:
            key = entering.key_of(guest)
            why = self._why_left(key, guest.container)
            self._end_if(key, why, partial(entering.stop, guest))

    def _why_over(self, container: Container) -> str:
        """Why a container is to end now; "" when it may go on."""
        spec = container.spec
        if not container.running:
            return ""
        if is_over(container):
            return oneoff.time_is_over(spec)
        return self._why_left(container.id, container) if spec.terminal and spec.interactive else ""

    def _why_left(self, key: str, container: Container) -> str:
        """Why what has a terminal is to end now; "" when somebody is on it, or was lately."""
        left_for_s = self._left_for_s(key)
        most_s = idle_s(self._platform, container) if left_for_s else 0.0
        return f"stopped: nobody came back to it for {most_s:g} s" if left_for_s > most_s else ""

    def _left_for_s(self, key: str) -> float:
        """For how long nobody is on a terminal, as far as this daemon knows."""
        if terminals.is_attended(key):
            self._left_at.pop(key, None)
            return 0.0
        return time.monotonic() - self._left_at.setdefault(key, time.monotonic())

    def _end_if(self, key: str, why: str, end: Callable[[str], None]) -> None:
        if why and key not in self._ending:
            self._ending.add(key)
            self._crew.submit(self._end, key, why, end)

    def _end(self, key: str, why: str, end: Callable[[str], None]) -> None:
        try:
            end(why)
        except Exception:
            log.exception("%s could not be ended", key)
        finally:
            self._ending.discard(key)

    def _stop(self, container: Container, why: str) -> None:
        app = fleet.owner(self._platform, container)
        if app is not None:
            oneoff.stop(self._platform, app, container, why)


def idle_s(platform: Platform, container: Container) -> float:
    """How long a terminal in an app's container goes on without anybody on it."""
    app = fleet.owner(platform, container)
    default = platform.settings.unattended_s
    return policies.number(platform, app, *IDLE, default) if app else default


def is_over(container: Container) -> bool:
    """Whether a one-off container ran for as long as it may."""
    ttl_s = container.spec.ttl_s
    return ttl_s is not None and container.age_s >= ttl_s
