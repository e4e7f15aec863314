"""Ports: the mappings an app was given; none: what its image exposes decides."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, String, Table, delete, insert, select

from paas.model.app import App
from paas.model.ports import PortMapping
from paas.store.database import Database, app_column, metadata

port_mappings = Table(
    "port_mappings",
    metadata,
    app_column(),
    Column("scheme", String, nullable=False),
    Column("host_port", Integer, nullable=False),
    Column("container_port", Integer, nullable=False),
    PrimaryKeyConstraint("app_id", "scheme", "host_port"),
)


class Ports:
    """Mappings by app."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, app: App) -> Sequence[PortMapping]:
        """The app's own mappings, in order."""
        columns = port_mappings.c.scheme, port_mappings.c.host_port, port_mappings.c.container_port
        query = select(*columns).where(port_mappings.c.app_id == app.id)
        with self._database.read() as connection:
            return sorted(PortMapping(*row) for row in connection.execute(query))

    def set(self, app: App, mappings: Iterable[PortMapping]) -> None:
        """Make these the app's mappings; of two for one host port the later one counts."""
        chosen = {(one.scheme, one.host): one.container for one in mappings}
        rows = [
            {"app_id": app.id, "scheme": scheme, "host_port": host, "container_port": container}
            for (scheme, host), container in chosen.items()
        ]
        with self._database.write() as connection:
            connection.execute(delete(port_mappings).where(port_mappings.c.app_id == app.id))
            if rows:
                connection.execute(insert(port_mappings), rows)
