"""Couriers: one for each sink, with all the apps that have it. Nobody waits for a courier.

A courier reads what was written, sends it in batches, an app's turn after another's, and
goes on behind what was taken. While the sink fails it waits, longer each time. Touches: a
thread, a connection to the sink.
"""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from paas.logs.sinks import senders
from paas.logs.sinks.reading import COUNTED_BYTES, UNFINISHED_S, Batch, Reading
from paas.logs.sinks.senders import Sender, Unwanted
from paas.logs.sinks.telling import State, Telling
from paas.model.app import App
from paas.model.sink import Sink

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
CLOSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Failing:
    """Since when a sink takes nothing, how often it was tried, and why not."""

    since: datetime
    times: int
    why: str

    @property
    def pause_s(self) -> float:
        """Until it is tried again."""
        return min(FIRST_PAUSE_S * (1 << min(self.times - 1, 10)), LONGEST_PAUSE_S)


@dataclass(slots=True)
class Client:
    """An app whose lines are brought. due: when it is looked at next (monotonic)."""

    app: App
    reading: Reading
    due: float | None = 0.0
    failing: Failing | None = None  # its own lines are unwanted, and others' are not


class Courier:
    """One sink's thread, from start() to close()."""

    def __init__(self, sink: Sink, sender: Sender, telling: Telling) -> None:
        self.sink = sink
        self.failing: Failing | None = None
        self.clients: dict[int, Client] = {}  # by the app's id; replaced as a whole
        self._sender = sender
        self._telling = telling
        self._taken = False  # whether it ever took something
        self._changing = threading.Lock()
        self._told = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """What is under way is not waited for: it was not taken, and is sent again."""
        self._done.set()
        self._told.set()

    def close(self, patience_s: float = CLOSE_S) -> None:
        """End, and wait a little until it has."""
        self.end()
        if self._thread.ident is not None:
            self._thread.join(patience_s)

    def serve(self, clients: dict[int, Client]) -> None:
        """From now on these apps; one that goes on is the same object as before.

        Nothing more is kept of the others' places when this returns.
        """
        new = [one for key, one in clients.items() if self.clients.get(key) is not one]
        with self._changing:
            self.clients = clients
        if new:
            self._told.set()

    def tell(self, app_id: int) -> None:
        """Something was written to the files of an app, or may have been."""
        client = self.clients.get(app_id)
        if client is not None and client.failing is None:
            client.due = 0.0
            self._told.set()

    # -- the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._done.is_set():
            self._told.wait(self._idle_s())
            self._told.clear()
            self._turn()
            self._note()
        self._sender.close()

    def _idle_s(self) -> float | None:
        """How long nothing is due; None: until something is told."""
        now = time.monotonic()
        due = [one.due - now for one in self.clients.values() if one.due is not None]
        if (change_s := self._telling.due_s()) is not None:
            due.append(change_s)
        return max(0.0, min(due)) if due else None

    def _turn(self) -> None:
        """Bring a batch of everybody who is due; wait when the sink fails."""
        now = time.monotonic()
        for one in list(self.clients.values()):
            if one.due is not None and one.due <= now and not self._done.is_set():
                try:
                    self._bring(one)
                except Exception:
                    log.exception("the log of %s could not be shipped", one.app.name)
                    one.due = now + LONGEST_PAUSE_S
                if self.failing:
                    self._sit_out(self.failing)
                    return

    def _bring(self, client: Client) -> None:
        """A batch of an app's lines, if there is one; says when there may be the next."""
        client.due = None  # before it is looked: what comes meanwhile makes it due again
        batch = client.reading.batch()
        if batch.lines and not self._sent(client, batch):
            pause_s = client.failing.pause_s if client.failing else 0.0
            client.due = time.monotonic() + pause_s
            return
        self._take(client, batch)
        if batch.full:
            client.due = 0.0
        elif batch.again and client.due is None:
            client.due = time.monotonic() + UNFINISHED_S

    def _take(self, client: Client, batch: Batch) -> None:
        """Go on behind a batch, unless the app went while it was on its way."""
        with self._changing:
            now = self.clients.get(client.app.id)
            if now is not None and now.reading is client.reading:
                now.reading.taken(batch)

    def _sent(self, client: Client, batch: Batch) -> bool:
        try:
            self._sender.send(client.app.name, batch.lines)
        except Unwanted as error:
            client.failing = failed(client.failing, error)
            self.failing = None
            return False
        except OSError as error:
            self.failing = failed(self.failing, error)
            return False
        self.failing = client.failing = None
        self._taken = True
        return True

    def _note(self) -> None:
        """Tell of it when the sink began to fail or works again."""
        unwanted = [one for one in self.clients.values() if one.failing]
        if self._done.is_set() or not (self.failing or unwanted or self._taken):
            return
        if self.failing:
            self._telling.note(State(failing=True), self.failing.why)
            return
        names = tuple(sorted(one.app.name for one in unwanted))
        why = next((one.failing.why for one in unwanted if one.failing), "")
        self._telling.note(State(unwanted=names), why)

    def _sit_out(self, failing: Failing) -> None:
        """Wait until the sink is tried again; meanwhile remember what there is to lose."""
        self._note()
        left_bytes = COUNTED_BYTES
        for one in list(self.clients.values()):
            if one.due is not None:
                with suppress(OSError):
                    left_bytes = one.reading.look(left_bytes)
        self._done.wait(failing.pause_s)


def failed(before: Failing | None, error: OSError) -> Failing:
    """Once more, or for the first time."""
    why = senders.words(error)
    if before is None:
        return Failing(datetime.now(UTC), 1, why)
    return Failing(before.since, before.times + 1, why)
