"""Config: environment variables of apps, and the instance's own under every app's.

Values are secrets: they leave this room only in return values.
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

config = Table(
    "config",
    metadata,
    app_column(nullable=True),
    Column("key", String, nullable=False),
    Column("value", String, nullable=False),
    UniqueConstraint("app_id", "key"),
)
Index(
    "uq_config_global",
    config.c.key,
    unique=True,
    sqlite_where=config.c.app_id.is_(None),
    postgresql_where=config.c.app_id.is_(None),
)


class Config:
    """Variables by app; app None stands for the instance."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, app: App | None) -> dict[str, str]:
        """What was set for the app (or the instance) itself, by key."""
        query = select(config.c.key, config.c.value).where(of(app)).order_by(config.c.key)
        with self._database.read() as connection:
            return dict(connection.execute(query).all())

    def merged(self, app: App) -> dict[str, str]:
        """The instance's variables under the app's, by key."""
        query = (
            select(config.c.app_id, config.c.key, config.c.value)
            .where(or_(of(None), of(app)))
            .order_by(config.c.key)
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
        where = of(app) if dropped is None else of(app) & config.c.key.in_(list(dropped))
        rows = [{"app_id": identity, "key": key, "value": text} for key, text in values.items()]
        with self._database.write() as connection:
            connection.execute(delete(config).where(where))
            if rows:
                connection.execute(insert(config), rows)


def of(app: App | None) -> ColumnElement[bool]:
    return config.c.app_id.is_(None) if app is None else config.c.app_id == app.id
