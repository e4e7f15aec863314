"""Redirects: names of an app that only send on to another name. A name is in one place alone."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    delete,
    insert,
    select,
)

from paas.model.app import App
from paas.model.route import Redirect
from paas.store.apps import apps
from paas.store.database import Database, app_column, metadata

redirects = Table(
    "redirects",
    metadata,
    app_column(),
    Column("source", String, nullable=False),
    Column("destination", String, nullable=False),
    Column("code", Integer, nullable=False),
    PrimaryKeyConstraint("app_id", "source"),
)


class Redirects:
    """By app and source."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, app: App) -> Sequence[Redirect]:
        """The app's, by their source."""
        if (every := self._database.whole(everything)) is not None:
            return every.get(app.id, [])
        query = select(redirects).where(redirects.c.app_id == app.id).order_by(redirects.c.source)
        with self._database.read() as connection:
            return [made(row) for row in connection.execute(query)]

    def set(self, app: App, redirect: Redirect) -> None:
        """Send on from a source, elsewhere than before if it was."""
        self.remove(app, redirect.source)
        with self._database.write() as connection:
            connection.execute(
                insert(redirects).values(
                    app_id=app.id,
                    source=redirect.source,
                    destination=redirect.destination,
                    code=redirect.code,
                )
            )

    def remove(self, app: App, source: str) -> bool:
        """Send on no more; whether there was one."""
        mine = (redirects.c.app_id == app.id) & (redirects.c.source == source)
        with self._database.write() as connection:
            return bool(connection.execute(delete(redirects).where(mine)).rowcount)


def owner(connection: Connection, source: str) -> str | None:
    """The app that sends on from a name."""
    query = select(apps.c.name).join(redirects).where(redirects.c.source == source)
    found: str | None = connection.scalar(query)
    return found


def owners(connection: Connection) -> dict[str, int]:
    """The id of the app that sends on from each name."""
    columns = redirects.c.source, redirects.c.app_id
    return {row.source: row.app_id for row in connection.execute(select(*columns))}


def made(row: Row[Any]) -> Redirect:
    return Redirect(row.source, row.destination, row.code)


def everything(connection: Connection) -> dict[int, Sequence[Redirect]]:
    """Every app's by its id."""
    found: dict[int, list[Redirect]] = {}
    for row in connection.execute(select(redirects).order_by(redirects.c.source)):
        found.setdefault(row.app_id, []).append(made(row))
    return {**found}
