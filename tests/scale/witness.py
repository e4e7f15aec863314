"""Somebody who asks all domains all the time, and notes what each one answered and when.

Nothing is retried. An answer is the app's own, with its name in it, or a page of the
proxy's, known by its status; anything else is a wrong answer.
"""

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

TIMEOUT_S = 20.0
NICE = -10  # it stands for other machines


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody was told. Seconds are monotonic; outcome is one of the words below."""

    at: float
    app: str
    outcome: str
    took_s: float

    @property
    def asked(self) -> float:
        return self.at - self.took_s


SERVED, STARTING, CLOSED = "served", "starting", "nobody listens"


@dataclass
class Witness:
    """Asks each of the domains (to apps) in turn, a few at a time, until the block ends."""

    port: int
    domains: Mapping[str, str]
    at_once: int = 4
    round_s: float = 0.5  # no domain is asked more often than that
    answers: list[Answer] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._over = False
        self._thread = threading.Thread(target=self._play, name="witness", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over = True
        self._thread.join()

    # -- what it saw -----------------------------------------------------------------

    def outcomes(self) -> Counter[str]:
        """How often it was told what."""
        return Counter(one.outcome for one in self.answers[:])

    def unexpected(self, *expected: str) -> list[Answer]:
        """Answers that are none of these."""
        return [one for one in self.answers[:] if one.outcome not in expected]

    def first_served(self, since: float) -> dict[str, float]:
        """When each app first served after a time, in seconds from then."""
        found: dict[str, float] = {}
        for one in self.answers[:]:
            if one.outcome == SERVED and one.asked >= since:
                found.setdefault(one.app, one.at - since)
        return found

    # -- asking ------------------------------------------------------------------------

    def _play(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        asyncio.run(self._run())

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for first in range(self.at_once):
                mine = list(self.domains.items())[first :: self.at_once]
                if mine:
                    group.create_task(self._ask_all(mine))

    async def _ask_all(self, mine: list[tuple[str, str]]) -> None:
        while not self._over:
            began = time.monotonic()
            for domain, app in mine:
                if self._over:
                    return
                asked = time.monotonic()
                outcome = await ask(self.port, domain, app)
                now = time.monotonic()
                self.answers.append(Answer(now, app, outcome, now - asked))
            await asyncio.sleep(max(0.0, began + self.round_s - time.monotonic()))


async def ask(port: int, domain: str, app: str) -> str:
    """One GET on a connection of its own; the outcome in words."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                head = f"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode())
                return outcome_of(await reader.read(-1), app)
            finally:
                writer.close()
    except ConnectionRefusedError:
        return CLOSED
    except (OSError, TimeoutError) as error:
        return type(error).__name__


def outcome_of(answer: bytes, app: str) -> str:
    """Served by the right app, one of our pages, or what is wrong."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head:
        return "cut short"
    status = int(head.split()[1])
    if status == 503 and b"\r\nretry-after:" in head.lower():
        return STARTING
    if status != 200:
        return f"status {status}"
    name = body.split(b" ")[0].decode(errors="replace")
    return SERVED if name == app else f"wrong app {name}"
