"""Schedule: things to do later, in one thread however many they are, each handed to workers."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor


class Schedule:
    """What is due is given to the workers; nothing of it runs in the schedule's own thread."""

    def __init__(self, workers: Executor) -> None:
        self._workers = workers
        self._numbers = itertools.count()
        self._waiting: list[tuple[float, int, Callable[[], object]]] = []
        self._changed = threading.Condition()
        self._closed = False
        threading.Thread(target=self._run, name="schedule", daemon=True).start()

    def later(self, delay_s: float, action: Callable[[], object]) -> None:
        """Have the workers do this once the time is over; nothing once closed."""
        with self._changed:
            due = time.monotonic() + delay_s
            heapq.heappush(self._waiting, (due, next(self._numbers), action))
            self._changed.notify()

    def close(self) -> None:
        """Forget what waits."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._is_due():
                    self._changed.wait(self._left_s())
                if self._closed:
                    return
                _, _, action = heapq.heappop(self._waiting)
                self._workers.submit(action)

    def _is_due(self) -> bool:
        return bool(self._waiting) and self._waiting[0][0] <= time.monotonic()

    def _left_s(self) -> float | None:
        return max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
