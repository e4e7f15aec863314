"""Who hears of the ends of containers, and which ends nobody has heard of yet."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

from paas.model.container import Container

log = logging.getLogger(__name__)

Listener = Callable[[Container], None]


class Ends:
    """Listeners, and ends that came before the first. lock: whose holder ends containers."""

    def __init__(self, lock: AbstractContextManager[object]) -> None:
        self._lock = lock
        self._listeners: list[Listener] = []
        self._unheard: list[Container] = []

    def listen(self, listener: Listener) -> None:
        """Have listener called of every end, those that came before any listener first."""
        with self._lock:
            self._listeners.append(listener)
            missed = list(self._unheard)  # until they are removed: the next one hears of them too
        for container in missed:
            tell(listener, container)

    def come(self, end: Callable[[], Container]) -> tuple[Container, tuple[Listener, ...]]:
        """Have a container ended, which end says; it, and who is to be told of it."""
        with self._lock:
            container, listeners = end(), tuple(self._listeners)
            if not listeners:
                self._unheard.append(container)
        return container, listeners

    def forget(self, container_id: str) -> None:
        """It is removed: nobody needs to hear of it any more."""
        with self._lock:
            self._unheard = [one for one in self._unheard if one.id != container_id]


def tell(listener: Listener, container: Container) -> None:
    """Call a listener; its failure is its own."""
    try:
        listener(container)
    except Exception:
        log.exception("a listener failed on the end of %s", container.id)
