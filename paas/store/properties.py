"""Properties: every small setting of an app or of the instance, by namespace and key."""

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    String,
    Table,
    UniqueConstraint,
    delete,
    insert,
    select,
)

from paas.model.app import App
from paas.store.database import Database, app_column, metadata

properties = Table(
    "properties",
    metadata,
    app_column(nullable=True),
    Column("namespace", String, nullable=False),
    Column("key", String, nullable=False),
    Column("value", String, nullable=False),
    UniqueConstraint("app_id", "namespace", "key"),
)
GLOBAL = properties.c.app_id.is_(None)
Index(
    "uq_properties_global",
    properties.c.namespace,
    properties.c.key,
    unique=True,
    sqlite_where=GLOBAL,
    postgresql_where=GLOBAL,
)


class Properties:
    """Values by app (None: the instance), namespace and key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, app: App | None, namespace: str, key: str) -> str | None:
        """The value, None when it is not set."""
        if (every := self._database.whole(everything)) is not None:
            return every.get((app.id if app else None, namespace), {}).get(key)
        where = of(app, namespace) & (properties.c.key == key)
        with self._database.read() as connection:
            return connection.scalar(select(properties.c.value).where(where))

    def all(self, app: App | None, namespace: str) -> dict[str, str]:
        """Every value of a namespace, by key."""
        if (every := self._database.whole(everything)) is not None:
            return dict(every.get((app.id if app else None, namespace), {}))
        query = (
            select(properties.c.key, properties.c.value)
            .where(of(app, namespace))
            .order_by(properties.c.key)
        )
        with self._database.read() as connection:
            return dict(connection.execute(query).all())

    def set(self, app: App | None, namespace: str, key: str, value: str | None) -> None:
        """Set it, or forget it when value is None."""
        where = of(app, namespace) & (properties.c.key == key)
        row = {"app_id": app.id if app else None, "namespace": namespace, "key": key}
        with self._database.write() as connection:
            connection.execute(delete(properties).where(where))
            if value is not None:
                connection.execute(insert(properties).values(**row, value=value))


def of(app: App | None, namespace: str) -> ColumnElement[bool]:
    mine = GLOBAL if app is None else properties.c.app_id == app.id
    return mine & (properties.c.namespace == namespace)


def everything(connection: Connection) -> dict[tuple[int | None, str], dict[str, str]]:
    """Values by key, of each app's and the instance's namespaces."""
    found: dict[tuple[int | None, str], dict[str, str]] = {}
    for row in connection.execute(select(properties).order_by(properties.c.key)):
        found.setdefault((row.app_id, row.namespace), {})[row.key] = row.value
    return found
