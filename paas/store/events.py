"""Events: what changed, in order, bounded; kept also when the app is gone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    delete,
    func,
    insert,
    select,
)

from paas.model.event import FREQUENT, Event
from paas.store.database import Database, Moment, metadata, now

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor", String, nullable=False),
    Column("app", String, nullable=False),  # a name and no link: events outlive their app
    Column("action", String, nullable=False),
    Column("result", String, nullable=False),
    Column("detail", String, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_events_app", events.c.app, events.c.id)
PRUNE_EVERY = 64
DETAIL_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Noticed:
    """The results of one actor's events, as they come."""

    actor: str
    results: list[str] = field(default_factory=list)


_noticing: ContextVar[Noticed | None] = ContextVar("events that are noticed", default=None)


@contextmanager
def noticed(actor: str) -> Iterator[list[str]]:
    """The results of the events of an actor that this thread records within the block."""
    noticing = Noticed(actor)
    before = _noticing.set(noticing)
    try:
        yield noticing.results
    finally:
        _noticing.reset(before)


class Events:
    """The newest events; of those a crash loop makes, a quarter of that at most."""

    def __init__(self, database: Database, kept: int) -> None:
        self._database = database
        self._kept = kept
        self._changed = threading.Condition()
        self._seen = 0

    def record(self, app: str, actor: str, action: str, result: str, detail: str = "") -> None:
        """Add one; those who wait for news are woken."""
        row = {"actor": actor, "app": app, "action": action, "result": result}
        with self._database.write() as connection:
            added = insert(events).values(at=now(), detail=detail[:DETAIL_LENGTH], **row)
            number = connection.scalar(added.returning(events.c.id)) or 0
            if number % PRUNE_EVERY == 0:
                self._prune(connection, number)
        if (noticing := _noticing.get()) is not None and noticing.actor == actor:
            noticing.results.append(result)
        with self._changed:
            self._seen = max(self._seen, number)
            self._changed.notify_all()

    def _prune(self, connection: Connection, newest: int) -> None:
        frequent = events.c.action.in_(FREQUENT)
        connection.execute(delete(events).where(events.c.id <= newest - self._kept))
        newest_first = select(events.c.id).where(frequent).order_by(events.c.id.desc())
        bound = connection.scalar(newest_first.offset(self._kept // 4).limit(1))
        if bound is not None:
            connection.execute(delete(events).where(frequent, events.c.id <= bound))

    def list(
        self,
        app: str | None = None,
        number: int | None = None,
        after: int = 0,
        until: int | None = None,
        *,
        action: str | None = None,
        actor: str | None = None,
        result: str | None = None,
    ) -> list[Event]:
        """Oldest first: the newest `number` with ids above `after`, up to `until`.

        Of an app, an action, an actor, a result; None: of any.
        """
        query = select(events).where(events.c.id > after).order_by(events.c.id.desc())
        if until is not None:
            query = query.where(events.c.id <= until)
        wanted = {"app": app, "action": action, "actor": actor, "result": result}
        for column, value in wanted.items():
            if value is not None:
                query = query.where(events.c[column] == value)
        with self._database.read() as connection:
            rows = connection.execute(query.limit(number)).all()
        return [Event(*row) for row in reversed(rows)]

    def newest(self) -> int:
        """The id of the newest one; 0 when there is none."""
        with self._database.read() as connection:
            return connection.scalar(select(func.max(events.c.id))) or 0

    def counts(self) -> dict[str, int]:
        """How many are kept, by action."""
        query = select(events.c.action, func.count()).group_by(events.c.action)
        with self._database.read() as connection:
            return {str(action): int(count) for action, count in connection.execute(query)}

    def wait(self, after: int, timeout_s: float) -> None:
        """Return when there may be one with an id above `after`, or when the time is over."""
        with self._changed:
            if self._seen <= after:
                self._changed.wait(timeout_s)
