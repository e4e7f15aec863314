"""Stand-ins: which addresses builds get something else for, for every app alike."""

from collections.abc import Sequence

from sqlalchemy import Column, PrimaryKeyConstraint, String, Table, delete, insert, select

from paas.model.standin import StandIn
from paas.store.database import Database, metadata

standins = Table(
    "standins",
    metadata,
    Column("host", String, nullable=False),
    Column("path", String, nullable=False),
    Column("target", String, nullable=False),
    PrimaryKeyConstraint("host", "path"),
)


class StandIns:
    """Stand-ins by the address they stand for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> Sequence[StandIn]:
        """All of them, by host and path."""
        query = select(standins).order_by(standins.c.host, standins.c.path)
        with self._database.read() as connection:
            return [StandIn(row.host, row.path, row.target) for row in connection.execute(query)]

    def set(self, one: StandIn) -> None:
        """Have it stand for its address, in place of what did."""
        row = {"host": one.host, "path": one.path, "target": one.target}
        with self._database.write() as connection:
            connection.execute(delete(standins).where(at(one.host, one.path)))
            connection.execute(insert(standins).values(row))

    def remove(self, host: str, path: str) -> bool:
        """Let an address be what it is; whether anything stood for it."""
        with self._database.write() as connection:
            return bool(connection.execute(delete(standins).where(at(host, path))).rowcount)


def at(host: str, path: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return (standins.c.host == host) & (standins.c.path == path)
