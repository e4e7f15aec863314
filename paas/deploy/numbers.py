"""Numbers: each of an app's one-off containers or sessions has one that no other has."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Numbers:
    """Numbers from 1 on, by the app's slot. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starting: dict[int, set[int]] = defaultdict(set)

    @contextmanager
    def free(
        self,
        slot: int,
        look: Callable[[], tuple[set[int], set[int]]],
        admit: Callable[[int], object],
    ) -> Iterator[int]:
        """The lowest free number, kept for the block: until what has it is found by looking.

        look: the numbers that are taken, and those of them whose owners go on. admit is told
        how many of these there are, and raises when there may be no more.
        """
        with self._lock:
            taken, going_on = look()
            going_on = going_on | self._starting[slot]
            taken = taken | going_on
            admit(len(going_on))
            number = next(number for number in range(1, len(taken) + 2) if number not in taken)
            self._starting[slot].add(number)
        try:
            yield number
        finally:
            with self._lock:
                self._starting[slot].discard(number)
