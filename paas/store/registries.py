"""Logins of image registries, for the instance or for one app; passwords are kept sealed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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

registry_logins = Table(
    "registry_logins",
    metadata,
    Column("id", Integer, primary_key=True),
    app_column(nullable=True),
    Column("server", String, nullable=False),
    Column("username", String, nullable=False),
    Column("sealed_password", String, nullable=False),
    UniqueConstraint("app_id", "server"),
)
GLOBAL = registry_logins.c.app_id.is_(None)
Index(
    "uq_registry_logins_global",
    registry_logins.c.server,
    unique=True,
    sqlite_where=GLOBAL,
    postgresql_where=GLOBAL,
)


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are at a registry."""

    server: str
    username: str
    password: str = field(repr=False)


class RegistryLogins:
    """Logins by app (None: the instance's, for every app) and server."""

    def __init__(self, database: Database, key_file: Path) -> None:
        self._database = database
        self._seal = Seal(key_file)

    def get(self, app: App | None, server: str) -> Login | None:
        """The login, its password opened."""
        query = select(registry_logins).where(of(app) & (registry_logins.c.server == server))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return (
            Login(row.server, row.username, self._seal.open(row.sealed_password)) if row else None
        )

    def servers(self, app: App | None) -> Sequence[str]:
        """Where somebody logged in, in order."""
        with self._database.read() as connection:
            return sorted(connection.scalars(select(registry_logins.c.server).where(of(app))))

    def set(self, app: App | None, login: Login) -> None:
        """Keep a login, in place of an earlier one at that server."""
        sealed = self._seal.close(login.password)
        with self._database.write() as connection:
            connection.execute(
                delete(registry_logins).where(of(app) & (registry_logins.c.server == login.server))
            )
            connection.execute(
                insert(registry_logins).values(
                    app_id=app.id if app else None,
                    server=login.server,
                    username=login.username,
                    sealed_password=sealed,
                )
            )

    def remove(self, app: App | None, server: str) -> bool:
        """Forget a login; whether there was one."""
        where = of(app) & (registry_logins.c.server == server)
        with self._database.write() as connection:
            return bool(connection.execute(delete(registry_logins).where(where)).rowcount)


def of(app: App | None) -> ColumnElement[bool]:
    return GLOBAL if app is None else registry_logins.c.app_id == app.id
