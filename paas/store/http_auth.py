"""Who may see an app: users with bcrypt hashes of their passwords, addresses without one."""

from collections.abc import Sequence

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    PrimaryKeyConstraint,
    String,
    Table,
    delete,
    insert,
    select,
)

from paas.model.app import App
from paas.model.route import Guard
from paas.store.database import Database, app_column, metadata

users = Table(
    "http_auth_users",
    metadata,
    app_column(),
    Column("name", String, nullable=False),
    Column("hash", String, nullable=False),
    PrimaryKeyConstraint("app_id", "name"),
)
addresses = Table(
    "http_auth_addresses",
    metadata,
    app_column(),
    Column("address", String, nullable=False),
    PrimaryKeyConstraint("app_id", "address"),
)


class HttpAuth:
    """Users and addresses by app; whether they are asked at all is a property."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def guard(self, app: App) -> Guard:
        """The app's users and addresses, in order."""
        if (every := self._database.whole(everything)) is not None:
            return every.get(app.id, Guard())
        with self._database.read() as connection:
            return of_apps(connection, app).get(app.id, Guard())

    def set_user(self, app: App, name: str, hashed: str) -> None:
        """Add a user, or give one another password."""
        with self._database.write() as connection:
            connection.execute(delete(users).where(user(app, name)))
            connection.execute(insert(users).values(app_id=app.id, name=name, hash=hashed))

    def remove_user(self, app: App, name: str) -> bool:
        """Forget a user; whether there was one."""
        with self._database.write() as connection:
            return bool(connection.execute(delete(users).where(user(app, name))).rowcount)

    def set_addresses(self, app: App, found: Sequence[str]) -> None:
        """Let in these addresses without a password, and no others."""
        rows = [{"app_id": app.id, "address": one} for one in dict.fromkeys(found)]
        with self._database.write() as connection:
            connection.execute(delete(addresses).where(addresses.c.app_id == app.id))
            if rows:
                connection.execute(insert(addresses), rows)


def user(app: App, name: str) -> ColumnElement[bool]:
    return (users.c.app_id == app.id) & (users.c.name == name)


def everything(connection: Connection) -> dict[int, Guard]:
    """Every app's by its id."""
    return of_apps(connection, None)


def of_apps(connection: Connection, app: App | None) -> dict[int, Guard]:
    """By id, of one app or of all."""
    by_users, by_addresses = select(users), select(addresses)
    if app is not None:
        by_users = by_users.where(users.c.app_id == app.id)
        by_addresses = by_addresses.where(addresses.c.app_id == app.id)
    named: dict[int, list[tuple[str, str]]] = {}
    for row in connection.execute(by_users.order_by(users.c.name)):
        named.setdefault(row.app_id, []).append((row.name, row.hash))
    let_in: dict[int, list[str]] = {}
    for row in connection.execute(by_addresses.order_by(addresses.c.address)):
        let_in.setdefault(row.app_id, []).append(row.address)
    return {
        one: Guard(tuple(named.get(one, ())), tuple(let_in.get(one, ())))
        for one in named.keys() | let_in.keys()
    }
