"""Config: environment variables of apps, and the instance's own under every app's.

Those of builds alone are in a table of their own. Values are secrets: they leave this
room only in return values.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    String,
    Table,
    UniqueConstraint,
    delete,
    insert,
    or_,
    select,
)

from paas.model.app import App
from paas.store.database import Database, app_column, metadata


def variables(name: str) -> Table:
    """A table of variables by app; those of the instance have none."""
    table = Table(
        name,
        metadata,
        app_column(nullable=True),
        Column("key", String, nullable=False),
        Column("value", String, nullable=False),
        UniqueConstraint("app_id", "key"),
    )
    instances = table.c.app_id.is_(None)
    Index(
        f"uq_{name}_global",
        table.c.key,
        unique=True,
        sqlite_where=instances,
        postgresql_where=instances,
    )
    return table


config = variables("config")
build_config = variables("build_config")


class Config:
    """Variables by app; app None stands for the instance."""

    def __init__(self, database: Database, table: Table = config) -> None:
        self._database = database
        self._table = table

    def get(self, app: App | None) -> dict[str, str]:
        """What was set for the app (or the instance) itself, by key."""
        columns = self._table.c
        query = select(columns.key, columns.value).where(self._of(app)).order_by(columns.key)
        with self._database.read() as connection:
            return dict(connection.execute(query).all())

    def merged(self, app: App) -> dict[str, str]:
        """The instance's variables under the app's, by key."""
        columns = self._table.c
        query = (
            select(columns.app_id, columns.key, columns.value)
            .where(or_(self._of(None), self._of(app)))
            .order_by(columns.key)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        shared = {key: value for owner, key, value in rows if owner is None}
        return dict(sorted({**shared, **{k: v for owner, k, v in rows if owner}}.items()))

    def set(self, app: App | None, values: Mapping[str, str]) -> None:
        """Set all of them or none."""
        if values:
            self._change(app, values, values)

    def unset(self, app: App | None, keys: Iterable[str]) -> None:
        """Forget these; a key that is not set is no error."""
        self._change(app, list(keys), {})

    def replace(self, app: App | None, values: Mapping[str, str]) -> None:
        """Make these the only ones, in one step."""
        self._change(app, None, values)

    def _change(
        self, app: App | None, dropped: Iterable[str] | None, values: Mapping[str, str]
    ) -> None:
        """Drop these keys (None: all), then put the values, in one transaction."""
        identity = app.id if app else None
        where = self._of(app)
        if dropped is not None:
            where &= self._table.c.key.in_(list(dropped))
        rows = [{"app_id": identity, "key": key, "value": text} for key, text in values.items()]
        with self._database.write() as connection:
            connection.execute(delete(self._table).where(where))
            if rows:
                connection.execute(insert(self._table), rows)

    def _of(self, app: App | None) -> ColumnElement[bool]:
        owner = self._table.c.app_id
        return owner.is_(None) if app is None else owner == app.id
