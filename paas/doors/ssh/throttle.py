"""Who may have an unknown connection open, and for how many: strangers never lock users out.

Pure but for the clock and the dice. Where OpenSSH refuses the newcomer (MaxStartups), we
drop one of those who have not logged in yet, by lot: half-open connections stay and are
hit, a real login takes 30 ms and is not. Sources that misbehave are refused for a while
(OpenSSH's PerSourcePenalties), those that logged in lately are forgiven.
"""

import ipaddress
import secrets
import threading
import time
from collections import Counter
from typing import Protocol

STRANGERS = 192
STRANGERS_PER_SOURCE = 24
CONNECTIONS = 1024
PENALTY_S = {"refused": 10.0, "silent": 5.0}
PENALTY_FELT_S = 30.0  # below this sum nothing happens: people mistype
PENALTY_MOST_S = 120.0
FORGIVEN_S = 3600.0
REMEMBERED_SOURCES = 4096


class Droppable(Protocol):
    """A connection that can be ended from another thread, at once."""

    source: str

    def drop(self) -> None: ...


class Throttle:
    """Counts connections by source: an IPv4 address, or an IPv6 network of 64 bits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._strangers: set[Droppable] = set()
        self._known: set[Droppable] = set()
        self._penalties: dict[str, float] = {}  # source -> when it would be worked off
        self._logins: dict[str, float] = {}

    def admit(self, connection: Droppable) -> bool:
        """Let a new connection in, dropping another stranger where there are too many."""
        with self._lock:
            if self._is_penalised(connection.source) or len(self._known) >= CONNECTIONS:
                return False
            victim = self._victim(connection.source)
            self._strangers.discard(victim) if victim else None
            self._strangers.add(connection)
        if victim:
            victim.drop()
        return True

    def logged_in(self, connection: Droppable) -> None:
        """It has shown a key we know."""
        with self._lock:
            self._strangers.discard(connection)
            self._known.add(connection)
            forget_oldest(self._logins)
            self._logins[connection.source] = time.monotonic()
            self._penalties.pop(connection.source, None)

    def refused(self, connection: Droppable) -> None:
        """It has tried too many keys."""
        self._penalise(connection.source, "refused")

    def ended(self, connection: Droppable) -> None:
        """It is gone; one that never logged in of its own will is held against its source."""
        with self._lock:
            self._known.discard(connection)
            silent = connection in self._strangers
            self._strangers.discard(connection)
        if silent:
            self._penalise(connection.source, "silent")

    def _victim(self, source: str) -> Droppable | None:
        mine = [one for one in self._strangers if one.source == source]
        if len(mine) >= STRANGERS_PER_SOURCE:
            return secrets.choice(mine)
        if len(self._strangers) < STRANGERS:
            return None
        worst, _ = Counter(one.source for one in self._strangers).most_common(1)[0]
        return secrets.choice([one for one in self._strangers if one.source == worst])

    def _penalise(self, source: str, reason: str) -> None:
        now = time.monotonic()
        with self._lock:
            if is_local(source) or now - self._logins.get(source, -FORGIVEN_S) < FORGIVEN_S:
                return
            due = max(now, self._penalties.get(source, 0.0)) + PENALTY_S[reason]
            forget_oldest(self._penalties)
            self._penalties[source] = min(due, now + PENALTY_MOST_S)

    def _is_penalised(self, source: str) -> bool:
        return self._penalties.get(source, 0.0) - time.monotonic() > PENALTY_FELT_S


def forget_oldest(table: dict[str, float]) -> None:
    """Keep a table of sources bounded: addresses cost a stranger nothing."""
    while len(table) >= REMEMBERED_SOURCES:
        del table[next(iter(table))]


def source_of(address: str) -> str:
    """What counts as one source: an IPv4 address, or an IPv6 network of 64 bits."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def is_local(source: str) -> bool:
    """This machine itself: never penalised, everybody's tunnels end here."""
    return ipaddress.ip_network(source).is_loopback
