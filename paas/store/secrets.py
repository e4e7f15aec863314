"""Secrets that are only ever handed on, by app (None: the instance), namespace and key; sealed."""

from pathlib import Path

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    delete,
    insert,
    select,
)

from paas.model.app import App
from paas.store.database import Database, app_column, metadata
from paas.store.sealed import Seal

secrets = Table(
    "secrets",
    metadata,
    Column("id", Integer, primary_key=True),
    app_column(nullable=True),
    Column("namespace", String, nullable=False),
    Column("key", String, nullable=False),
    Column("sealed", String, nullable=False),
    UniqueConstraint("app_id", "namespace", "key"),
)
GLOBAL = secrets.c.app_id.is_(None)
Index(
    "uq_secrets_global",
    secrets.c.namespace,
    secrets.c.key,
    unique=True,
    sqlite_where=GLOBAL,
    postgresql_where=GLOBAL,
)


class Secrets:
    """What properties are, for texts that a copy of the database must not tell."""

    def __init__(self, database: Database, key_file: Path) -> None:
        self._database = database
        self._seal = Seal(key_file)

    def get(self, app: App | None, namespace: str, key: str) -> str | None:
        """The text, None when it is not set."""
        sealed = self.sealed(app, namespace, key)
        return None if sealed is None else self._seal.open(sealed)

    def sealed(self, app: App | None, namespace: str, key: str) -> str | None:
        """The text as it is kept."""
        query = select(secrets.c.sealed).where(of(app, namespace) & (secrets.c.key == key))
        with self._database.read() as connection:
            return connection.scalar(query)

    def keys(self, app: App | None, namespace: str) -> list[str]:
        """Which ones are set, in order."""
        with self._database.read() as connection:
            return sorted(connection.scalars(select(secrets.c.key).where(of(app, namespace))))

    def everywhere(self, namespace: str, key: str) -> dict[int | None, str]:
        """The sealed text of every app that has one, by its id (None: the instance's)."""
        query = select(secrets.c.app_id, secrets.c.sealed).where(
            (secrets.c.namespace == namespace) & (secrets.c.key == key)
        )
        with self._database.read() as connection:
            return {row.app_id: row.sealed for row in connection.execute(query)}

    def opened(self, sealed: str) -> str:
        """What a sealed text says; PaasError when it was sealed with another key."""
        return self._seal.open(sealed)

    def set(self, app: App | None, namespace: str, key: str, text: str | None) -> None:
        """Set it, or forget it when text is None."""
        row = {"app_id": app.id if app else None, "namespace": namespace, "key": key}
        sealed = None if text is None else self._seal.close(text)
        with self._database.write() as connection:
            connection.execute(delete(secrets).where(of(app, namespace) & (secrets.c.key == key)))
            if sealed is not None:
                connection.execute(insert(secrets).values(**row, sealed=sealed))


def of(app: App | None, namespace: str) -> ColumnElement[bool]:
    mine = GLOBAL if app is None else secrets.c.app_id == app.id
    return mine & (secrets.c.namespace == namespace)
