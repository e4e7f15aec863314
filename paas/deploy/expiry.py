"""Expiry: one-off containers end when their time is over, or nobody comes back to them.

The time is in the container's own record, so a restart of the daemon changes nothing.
"""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from paas.deploy import attending, fleet, oneoff
from paas.model.container import Container
from paas.platform import Platform

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
CREW = 4


class Expiry:
    """Looks at one-off containers, in a thread of its own, from start() to stop()."""

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
            for container in oneoff.everywhere(self._platform):
                why = self._why_over(container)
                if why and container.id not in self._ending:
                    self._ending.add(container.id)
                    self._crew.submit(self._end, container, why)

    def _why_over(self, container: Container) -> str:
        """Why a container is to end now; "" when it may go on."""
        if not container.running:
            return ""
        if is_over(container):
            return oneoff.time_is_over(container.spec)
        left_for_s = self._left_for_s(container)
        most_s = self._platform.settings.unattended_s
        return f"stopped: nobody came back to it for {most_s:g} s" if left_for_s > most_s else ""

    def _left_for_s(self, container: Container) -> float:
        """For how long nobody is on a container's terminal, as far as this daemon knows."""
        spec = container.spec
        if not (spec.terminal and spec.interactive) or attending.is_attended(container.id):
            self._left_at.pop(container.id, None)
            return 0.0
        return time.monotonic() - self._left_at.setdefault(container.id, time.monotonic())

    def _end(self, container: Container, why: str) -> None:
        try:
            app = fleet.owner(self._platform, container)
            if app is not None:
                oneoff.stop(self._platform, app, container, why)
        except Exception:
            log.exception("%s could not be ended", container.id)
        finally:
            self._ending.discard(container.id)


def is_over(container: Container) -> bool:
    """Whether a one-off container ran for as long as it may."""
    ttl_s = container.spec.ttl_s
    return ttl_s is not None and container.age_s >= ttl_s
