"""Feed: what a container says, on its way to a caller who may be slow."""

import threading
from collections import deque
from collections.abc import Iterator

from paas.engines.base import Stream, Wire
from paas.errors import PaasError

BEHIND_BYTES, SLOW_S = 4 << 20, 15.0  # how far and how long a caller may be behind


class Feed:
    """What a container says, taken from its wire even when the caller is slow to read it.

    What is not taken keeps the container waiting, and all others who are on it: a caller
    that has stopped reading is let go after a while.
    """

    def __init__(self, wire: Wire) -> None:
        self.given_up = False
        self._wire = wire
        self._waiting: deque[tuple[Stream, bytes]] = deque()
        self._bytes = 0
        self._over = False
        self._changed = threading.Condition()
        threading.Thread(target=self._take, name="feed", daemon=True).start()

    def __iter__(self) -> Iterator[tuple[Stream, bytes]]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._over)
                if not self._waiting:
                    return
                said = self._waiting.popleft()
                self._bytes -= len(said[1])
                self._changed.notify_all()
            yield said

    def _take(self) -> None:
        try:
            while (said := self._wire.receive()) is not None and self._has_room():
                with self._changed:
                    self._waiting.append(said)
                    self._bytes += len(said[1])
                    self._changed.notify_all()
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _has_room(self) -> bool:
        """Whether the caller keeps up; if not, it is let go."""
        with self._changed:
            if self._changed.wait_for(lambda: self._bytes < BEHIND_BYTES, SLOW_S):
                return True
        self.given_up = True
        self._wire.close()
        return False


def refuse_slow(feed: Feed, app: str, name: str) -> None:
    if feed.given_up:
        raise PaasError(
            f"you did not read what {name} says for {SLOW_S:g} s",
            f"it goes on: paas run:attach {app} {name}",
        )
