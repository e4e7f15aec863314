"""Limits: what an app's processes may use, as written; a type's own over the app's."""

from collections.abc import Collection, Mapping

from sqlalchemy import (
    Column,
    ColumnElement,
    PrimaryKeyConstraint,
    String,
    Table,
    delete,
    insert,
    select,
)

from paas.model import limits as rules
from paas.model.app import App
from paas.model.container import Limits
from paas.store.database import Database, app_column, metadata

limits = Table(
    "limits",
    metadata,
    app_column(),
    Column("process_type", String, nullable=False),  # "" stands for every type
    Column("key", String, nullable=False),
    Column("value", String, nullable=False),
    PrimaryKeyConstraint("app_id", "process_type", "key"),
)


class ResourceLimits:
    """Limits by app and process type; type None is for every type that has none of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, app: App, process_type: str | None) -> dict[str, str]:
        """What was set, such as {"memory": "64m"}."""
        return self.all(app).get(process_type or "", {})

    def all(self, app: App) -> dict[str, dict[str, str]]:
        """What was set by process type; "" stands for every type."""
        query = (
            select(limits.c.process_type, limits.c.key, limits.c.value)
            .where(limits.c.app_id == app.id)
            .order_by(limits.c.process_type, limits.c.key)
        )
        found: dict[str, dict[str, str]] = {}
        with self._database.read() as connection:
            for kind, key, value in connection.execute(query):
                found.setdefault(kind, {})[key] = value
        return found

    def effective(self, app: App, process_type: str, defaults: Limits) -> Limits:
        """What a process of this type gets."""
        found = self.all(app)
        return rules.apply({**found.get("", {}), **found.get(process_type, {})}, defaults)

    def set(self, app: App, process_type: str | None, values: Mapping[str, str]) -> None:
        """Set these, all or none; others stay. Raises UsageError for a value without sense."""
        for key, value in values.items():
            rules.check(key, value)
        rows = [
            {"app_id": app.id, "process_type": process_type or "", "key": key, "value": value}
            for key, value in values.items()
        ]
        with self._database.write() as connection:
            connection.execute(
                delete(limits).where(of(app, process_type), limits.c.key.in_(list(values)))
            )
            if rows:
                connection.execute(insert(limits), rows)

    def clear(self, app: App, process_type: str | None, keys: Collection[str]) -> None:
        """Forget these of what was set for this type (None: for every type)."""
        with self._database.write() as connection:
            connection.execute(
                delete(limits).where(of(app, process_type), limits.c.key.in_(list(keys)))
            )


def of(app: App, process_type: str | None) -> ColumnElement[bool]:
    return (limits.c.app_id == app.id) & (limits.c.process_type == (process_type or ""))
