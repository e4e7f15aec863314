"""Rows out of the database as lines of JSON, and into a database file of any age again.

What a backup keeps: the same lines come from SQLite and from PostgreSQL, and go into
either. A table or column that is added later is taken along without a word here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    MetaData,
    Table,
    TypeDecorator,
    insert,
    make_url,
    select,
    type_coerce,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeEngine

from paas.errors import PaasError
from paas.store.apps import apps
from paas.store.database import engine_of, metadata

BATCH = 500
# what comes of rows that nobody here has written
UNFIT = (
    SQLAlchemyError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
    AssertionError, RecursionError,
)  # fmt: skip


def tables() -> list[str]:
    """Every table's name; those that others refer to come first."""
    return [table.name for table in metadata.sorted_tables]


def lines(connection: Connection, name: str, app_id: int | None = None) -> Iterator[bytes]:
    """A table's rows, a line of JSON each: all of them, or what belongs to one app."""
    table = metadata.tables[name]
    columns = [type_coerce(column, plain(column.type)).label(column.name) for column in table.c]
    query = select(*columns).order_by(*table.primary_key.columns)
    if app_id is not None:
        owned = owned_by(table, [app_id])
        if owned is None:
            return
        query = query.where(owned)
    for row in connection.execute(query).mappings():
        yield json.dumps({key: encoded(value) for key, value in row.items()}).encode() + b"\n"


def owner_of(table: Table) -> ColumnElement[int] | None:
    """The column that says whose a row is; None for tables of the instance."""
    if table is apps:
        return apps.c.id
    return table.c.get("app_id")


def owned_by(table: Table, app_ids: Sequence[int]) -> ColumnElement[bool] | None:
    """Whether a row belongs to one of these apps, itself or what it refers to; None: never."""
    owner = owner_of(table)
    if owner is not None:
        return owner.in_(app_ids)
    for column in table.c:
        for reference in column.foreign_keys:
            above = owned_by(reference.column.table, app_ids)
            if above is not None:
                return column.in_(select(reference.column).where(above))
    return None


def plain(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type a column has in the database, without what we make of it."""
    return kind.impl_instance if isinstance(kind, TypeDecorator) else kind


def encoded(value: Any) -> Any:
    """A value as JSON has it; times in UTC."""
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat()
    return value


# -- back --------------------------------------------------------------------------------


def rebuild(path: Path, schema: str, rows: Mapping[str, Iterable[bytes]]) -> None:
    """Make a database file of that migration, put the rows in, and bring it up to date.

    Raises PaasError for a migration of a newer paas, and for rows that do not fit.
    """
    from paas.store import migrate  # noqa: PLC0415 - alembic costs 100 ms

    if not migrate.knows(schema):
        raise PaasError(
            f"the backup's database is at migration {schema[:40]}, which this paas does not know",
            "it was made by a newer paas: install that version",
        )
    engine = engine_of(make_url(f"sqlite:///{path}"))
    try:
        with engine.execution_options(write=True).begin() as connection:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            migrate.upgrade(connection, schema)
            fill(connection, rows)
            migrate.upgrade(connection)
    except UNFIT as error:
        raise unfit(error) from error
    finally:
        engine.dispose()


def rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every table and row of a database file that is up to date, as the rooms here see them."""
    engine = engine_of(make_url(f"sqlite:///{path}"))
    try:
        with engine.begin() as connection:
            for table in metadata.sorted_tables:
                for row in connection.execute(select(table)).mappings():
                    yield table.name, dict(row)
    except UNFIT as error:
        raise unfit(error) from error
    finally:
        engine.dispose()


def unfit(error: Exception) -> PaasError:
    """What does not fit together, in a sentence."""
    reason = (str(getattr(error, "orig", error)).splitlines() or ["nothing"])[0][:200]
    return PaasError(f"the backup's database does not fit together: {reason}")


def fill(connection: Connection, rows: Mapping[str, Iterable[bytes]]) -> None:
    """Insert lines of JSON into the tables as they are now."""
    found = MetaData()
    found.reflect(connection)
    for name, lines_of_it in rows.items():
        table = found.tables[name]
        batch: list[dict[str, Any]] = []
        for line in lines_of_it:
            batch.append(decoded(table, json.loads(line)))
            if len(batch) == BATCH:
                connection.execute(insert(table), batch)
                batch = []
        if batch:
            connection.execute(insert(table), batch)


def decoded(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    """A row for a reflected table; KeyError for a column it does not have."""
    return {
        key: datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
        if value is not None and isinstance(table.c[key].type, DateTime)
        else value
        for key, value in values.items()
    }
