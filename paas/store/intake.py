"""Rows of another database taken into this one, in the transaction of the caller.

Of the whole instance (a restore) or of some apps (an import, a clone). Rows get new ids
where theirs are not free, and what refers to them follows.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, make_url, select, text, update

from paas.store.apps import apps
from paas.store.database import engine_of, metadata
from paas.store.dump import owned_by, owner_of
from paas.store.keys import keys

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Intake:
    """What is taken: apps by their id there, with their id here, where a row already waits.

    adapt gets a table's name and a row with the ids it had; it returns the row as it
    shall be here, or None to leave it out. whole: the instance's own rows too, in place
    of those that are here; keys are added.
    """

    apps: Mapping[int, int]
    adapt: Callable[[str, Row], Row | None]
    whole: bool = False
    ids: dict[str, dict[int, int]] = field(default_factory=dict)


def take_from(path: Path, target: Connection, intake: Intake) -> None:
    """Take from a database file that is up to date."""
    engine = engine_of(make_url(f"sqlite:///{path}"))
    try:
        with engine.begin() as source:
            take(source, target, intake)
    finally:
        engine.dispose()


def take(source: Connection, target: Connection, intake: Intake) -> None:
    """Take table by table, those that others refer to first."""
    intake.ids["apps"] = dict(intake.apps)
    if intake.whole:
        clear(target)
    for table in metadata.sorted_tables:
        for row in rows_of(source, target, table, intake):
            adapted = intake.adapt(table.name, row)
            if adapted is not None:
                put(target, table, adapted, intake)
        if target.dialect.name == "postgresql":
            go_on_counting(target, table)


def clear(target: Connection) -> None:
    """Forget the instance's own rows; no app has any yet, and who may come in stays."""
    for table in metadata.sorted_tables:
        if table is keys or table is apps:
            continue
        owner = owner_of(table)
        if owner is not None:
            target.execute(delete(table).where(owner.is_(None)))
        elif owned_by(table, []) is None:
            target.execute(delete(table))


def rows_of(source: Connection, target: Connection, table: Table, intake: Intake) -> Iterator[Row]:
    """Rows of the apps that are taken, and the instance's own when the whole is."""
    query = select(table).order_by(*table.primary_key.columns)
    owned = owned_by(table, list(intake.apps))
    if not intake.whole:
        if owned is None:
            return
        query = query.where(owned)
    found = source.execute(query).mappings()
    # rows that are put into the very table they are read from are not read again
    for row in found.all() if source is target else found:
        yield dict(row)


def put(target: Connection, table: Table, row: Row, intake: Intake) -> None:
    """One row; an app's is there already, with its name and slot."""
    if table is apps:
        changes = {key: row[key] for key in row if key not in ("id", "name", "slot")}
        here = intake.apps.get(row["id"])
        target.execute(update(apps).where(apps.c.id == here).values(**changes))
        return
    there = row.get("id") if "id" in table.primary_key.columns else None
    if not refer(table, row, intake):
        return
    if there is None:
        target.execute(insert(table).values(**row))
        return
    if table is keys or not intake.whole:
        del row["id"]
    made = target.scalar(insert(table).values(**row).returning(table.c.id))
    intake.ids.setdefault(table.name, {})[there] = made or 0


def refer(table: Table, row: Row, intake: Intake) -> bool:
    """Have a row refer to what it did by the ids here; False when that was left out."""
    for column in table.c:
        for reference in column.foreign_keys:
            there, known = row[column.name], intake.ids.get(reference.column.table.name, {})
            if there is not None and there not in known:
                return False
            row[column.name] = known.get(there)
    return True


def go_on_counting(target: Connection, table: Table) -> None:
    """Have PostgreSQL's sequence of a table's ids begin after those that were put in."""
    if "id" not in table.primary_key.columns:
        return
    target.execute(
        text(
            f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "  # noqa: S608 - ours
            f"(SELECT COALESCE(MAX(id), 0) + 1 FROM {table.name}), false)"
        )
    )
