"""Presence: what somebody is busy with or on, by its key; several may be at once. Pure."""

import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class Place:
    """Somebody's with a key. was_last: once it was left, whether nobody else was there."""

    was_last: bool = False


class Presence(Generic[Key]):
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Key] = Counter()

    def __contains__(self, key: Key) -> bool:
        return key in self._counts

    @contextmanager
    def of(self, key: Key) -> Iterator[Place]:
        """Be there for the block."""
        place = Place()
        with self._lock:
            self._counts[key] += 1
        try:
            yield place
        finally:
            with self._lock:
                self._counts[key] -= 1
                if not self._counts[key]:
                    del self._counts[key]
                    place.was_last = True
