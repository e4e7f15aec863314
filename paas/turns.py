"""Turns: who may go first, and what the others are told while they wait.

One queue a key (an app), first come first served; nobody is asked twice. Touches
nothing but threads and the callers' consoles.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from paas.console import Console
from paas.errors import PaasError

LOOK_EVERY_S = 0.5


class Replaced(PaasError):
    """A newer one took this one's place in the queue."""


@dataclass(eq=False, slots=True)
class Ticket:
    """A place in a queue. label says what waits or works: `the push of 1a2b3c4d by alice`."""

    label: str
    replaceable: bool = False
    replaced_by: "Ticket | None" = None


class Turns:
    """At most at_once holders a key; the others wait their turn and are told where they stand."""

    def __init__(self, at_once: int = 1, noun: str = "operation on this app") -> None:
        self._at_once = at_once
        self._noun = noun
        self._condition = threading.Condition()
        self._queues: dict[str, list[Ticket]] = {}

    @contextmanager
    def hold(
        self, key: str, console: Console, label: str = "", *, replace: bool | None = None
    ) -> Iterator[None]:
        """Wait for a turn, saying so; raises Cancelled when the caller goes away.

        replace: this one may be replaced while it waits by a later one of its kind, and
        when True takes the place of those before it; they get Replaced.
        """
        ticket = Ticket(label, replaceable=replace is not None)
        with self._condition:
            queue = self._queues.setdefault(key, [])
            if replace:
                self._replace(queue, ticket)
            queue.append(ticket)
        try:
            self._wait(queue, ticket, console)
            yield
        finally:
            self._leave(key, ticket)

    @contextmanager
    def attempt(self, key: str) -> Iterator[bool]:
        """Whether nobody holds or waits; if so the turn is held for as long as the block runs."""
        ticket = Ticket("")
        with self._condition:
            free = not self._queues.get(key)
            if free:
                self._queues[key] = [ticket]
        try:
            yield free
        finally:
            self._leave(key, ticket)

    def waiting(self, key: str) -> list[str]:
        """Labels of all in a queue, those whose turn it is first."""
        with self._condition:
            return [ticket.label for ticket in self._queues.get(key, ())]

    def _replace(self, queue: list[Ticket], newer: Ticket) -> None:
        for older in queue[self._at_once :]:
            if older.replaceable:
                older.replaced_by = newer
                queue.remove(older)
        self._condition.notify_all()

    def _wait(self, queue: list[Ticket], ticket: Ticket, console: Console) -> None:
        said = -1
        while True:
            with self._condition:
                ahead = self._ahead(queue, ticket)
                if ahead == said >= 0:
                    self._condition.wait(LOOK_EVERY_S)
                    ahead = self._ahead(queue, ticket)
                first = queue[0].label
            console.check_cancelled()
            if ahead < 0:
                return
            if ahead != said:  # told without the lock: a slow reader keeps nobody waiting
                console.step(self._words(first, ahead + 1))
                said = ahead

    def _ahead(self, queue: list[Ticket], ticket: Ticket) -> int:
        """How many must still go before it is this one's turn, less one; -1: now."""
        if ticket.replaced_by is not None:
            newer = ticket.replaced_by.label
            raise Replaced(f"{ticket.label} did not run: {newer} came after it and takes its place")
        return queue.index(ticket) - self._at_once

    def _words(self, first: str, ahead: int) -> str:
        what = first if first and self._at_once == 1 else f"another {self._noun}"
        return f"Waiting for {what} to finish; {ahead} ahead of this one"

    def _leave(self, key: str, ticket: Ticket) -> None:
        with self._condition:
            queue = self._queues.get(key, [])
            if ticket in queue:
                queue.remove(ticket)
            if not queue:
                self._queues.pop(key, None)
            self._condition.notify_all()
