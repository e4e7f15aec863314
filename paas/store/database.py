"""The database: one engine, its pragmas, its transactions and its migrations.

Touches: the database file (0600). SQLAlchemy's engine is made here and nowhere else;
the modules beside this one only write statements.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    Column,
    Connection,
    DateTime,
    Dialect,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import DatabaseError, IntegrityError

from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.store.failures import explained

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

HEAD = "0015"  # the newest migration; a test holds it to migrations/versions
BUSY_TIMEOUT_MS = 10_000
PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


Value = TypeVar("Value")


class Moment(TypeDecorator[datetime]):
    """A time, always UTC and aware in Python; SQLite keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value and value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.replace(tzinfo=UTC) if value else None


def app_column(*, nullable: bool = False, **options: Any) -> Column[int]:
    """The app a row belongs to, and with which it goes; None where nullable: the instance."""
    key = ForeignKey("apps.id", ondelete="CASCADE")
    return Column("app_id", Integer, key, nullable=nullable, **options)


def now() -> datetime:
    """The present, in UTC, to the microsecond."""
    return datetime.now(UTC)


@dataclass(slots=True)
class View:
    """One moment of the database, and what has been read whole of it."""

    connection: Connection
    tables: dict[Callable[[Connection], Any], Any] = field(default_factory=dict)


class Database:
    """Connections for any thread; every use is one transaction."""

    def __init__(self, url: str) -> None:
        """Open and, if it is older than this code, migrate. Raises PaasError with the cause."""
        self._url = make_url(url)
        self._sqlite = self._url.get_backend_name() == "sqlite"
        if self._sqlite:
            secure(Path(self._url.database or ""))
        self._engine = engine_of(self._url)
        self._writer = self._engine.execution_options(write=True)
        # SQLite has one writer; waiting here is fair and quick, waiting on its lock is neither
        self._writing = threading.Lock() if self._sqlite else nullcontext()
        # .connection: the transaction this thread is in, .view: the moment it looks at
        self._here = threading.local()
        self._migrate()

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._url.get_backend_name()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; inside a transaction of this thread, what it sees."""
        joined: Connection | None = getattr(self._here, "connection", None)
        if joined is None and (view := self._view) is not None:
            joined = view.connection
        if joined is not None:
            yield joined
            return
        with self._told(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: durable when the block ends, undone when it raises.

        Inside another one of this thread it is a part of that: all or nothing.
        """
        self._here.view = None
        joined: Connection | None = getattr(self._here, "connection", None)
        if joined is not None:
            yield joined
            return
        with self._writing, self._told(), self._writer.begin() as connection:
            self._here.connection = connection
            try:
                yield connection
                failpoint("store.write")
            finally:
                self._here.connection = None
        failpoint("store.written")

    @contextmanager
    def view(self) -> Iterator[Connection]:
        """Have this thread read of one moment, and tables whole, until it writes or the block ends.

        For looking at every app: a query a table instead of a few dozen an app.
        """
        first = self._view is None and getattr(self._here, "connection", None) is None
        with self.read() as connection:
            if first and not self._sqlite:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self._here.view = View(connection)
            try:
                yield connection
            finally:
                self._here.view = None

    def whole(self, read: Callable[[Connection], Value]) -> Value | None:
        """What read makes of a table, once a view; None outside of one."""
        view = self._view
        if view is None:
            return None
        if read not in view.tables:
            view.tables[read] = read(view.connection)
        value: Value = view.tables[read]
        return value

    @property
    def _view(self) -> View | None:
        return getattr(self._here, "view", None)

    def close(self) -> None:
        """Close idle connections."""
        self._engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the database could not do, in a sentence (names taken are the caller's to tell)."""
        try:
            yield
        except IntegrityError as error:
            if "foreign key" in str(error.orig).lower():
                raise PaasError("the app was destroyed meanwhile") from error
            raise
        except (DatabaseError, sqlite3.DatabaseError) as error:
            place = self._url.render_as_string(hide_password=True).removeprefix("sqlite:///")
            raise explained(error, place) from error

    def _migrate(self) -> None:
        with self.read() as connection:
            if found_version(connection) == HEAD:
                return
        from paas.store.migrate import upgrade  # noqa: PLC0415 - alembic costs 100 ms

        with self.write() as connection:
            upgrade(connection)


def engine_of(url: URL) -> Engine:
    """An engine whose SQLite connections have our settings and transactions."""
    engine = create_engine(url, hide_parameters=True, max_overflow=-1)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", prepare_sqlite)
        event.listen(engine, "begin", begin_sqlite)
    return engine


def secure(path: Path) -> None:
    """Make the file if need be, readable by its owner only: it holds every app's secrets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def prepare_sqlite(connection: Any, _record: object) -> None:
    """Settings of a new connection; the driver leaves transactions to us."""
    connection.isolation_level = None
    for pragma in PRAGMAS:
        patiently(connection, pragma)


def patiently(connection: Any, statement: str) -> None:
    """Execute it; the switch to WAL fails at once while another process does the same.

    SQLite calls no busy handler there (sqlite.org/wal.html).
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at once, so that it never fails half way."""
    write = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def found_version(connection: Connection) -> str | None:
    """The migration the database is at; None for a new one."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return str(row[0]) if row else None
