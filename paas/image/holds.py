"""Holds: which layers somebody needs right now, so that nobody removes them meanwhile.

In memory only. A container holds what it is mounted from until it is taken down; a
lease holds what one thread finds or makes, as a build does until its release is cut.
A watch sees all that was held or touched while it lasted: what nobody needed when it
began may be needed by now.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Lease:
    """What one thread found and made; made is those it made itself, oldest first."""

    ids: set[str] = field(default_factory=set)
    made: list[str] = field(default_factory=list)


class Holds:
    """Holds, leases and watches of one instance. Every change is made under lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._owners: dict[str, frozenset[str]] = {}
        self._leases: list[Lease] = []
        self._watches: list[set[str]] = []
        self._here = threading.local()  # .lease: the one this thread is in

    def take(self, owner: str, ids: Iterable[str]) -> None:
        """Hold layers in the name of an owner, in place of what it held before."""
        with self.lock:
            self._owners[owner] = frozenset(ids)
            self._seen(self._owners[owner])

    def drop(self, owner: str) -> None:
        """An owner needs nothing any more. Idempotent."""
        with self.lock:
            self._owners.pop(owner, None)

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """Hold what this thread touches until the block ends; inside another one, join that."""
        outer: Lease | None = getattr(self._here, "lease", None)
        if outer is not None:
            yield outer
            return
        lease = self._here.lease = Lease()
        with self.lock:
            self._leases.append(lease)
        try:
            yield lease
        finally:
            self._here.lease = None
            with self.lock:
                self._leases.remove(lease)

    def touch(self, *ids: str, made: bool = False) -> bool:
        """Layers are found, or made; whether a lease of this thread holds them now."""
        lease: Lease | None = getattr(self._here, "lease", None)
        with self.lock:
            self._seen(ids)
            if lease is not None:
                lease.ids.update(ids)
                lease.made.extend(ids if made else ())
        return lease is not None

    @contextmanager
    def watch(self) -> Iterator[set[str]]:
        """A set that has all that is held, and gets all that is touched until the block ends."""
        with self.lock:
            seen = self.held()
            self._watches.append(seen)
        try:
            yield seen
        finally:
            with self.lock:
                # by identity: two watches may well have seen the same
                self._watches = [one for one in self._watches if one is not seen]

    def held(self) -> set[str]:
        """Every layer that an owner or a lease holds."""
        with self.lock:
            return set().union(*self._owners.values(), *(lease.ids for lease in self._leases))

    def _seen(self, ids: Iterable[str]) -> None:
        for watch in self._watches:
            watch.update(ids)
