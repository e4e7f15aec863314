"""Buildpacks: the ones an app asked for by name, in their order."""

from collections.abc import Sequence

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, String, Table, delete, insert, select

from paas.model.app import App
from paas.store.database import Database, app_column, metadata

buildpacks = Table(
    "buildpacks",
    metadata,
    app_column(),
    Column("position", Integer, nullable=False),
    Column("name", String, nullable=False),
    PrimaryKeyConstraint("app_id", "position"),
)


class Buildpacks:
    """Names by app."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, app: App) -> list[str]:
        """The chosen ones, first to run first; none: they are detected."""
        query = (
            select(buildpacks.c.name)
            .where(buildpacks.c.app_id == app.id)
            .order_by(buildpacks.c.position)
        )
        with self._database.read() as connection:
            return [*connection.scalars(query)]

    def set(self, app: App, names: Sequence[str]) -> None:
        """Make these the chosen ones."""
        rows = [
            {"app_id": app.id, "position": position, "name": name}
            for position, name in enumerate(names, start=1)
        ]
        with self._database.write() as connection:
            connection.execute(delete(buildpacks).where(buildpacks.c.app_id == app.id))
            if rows:
                connection.execute(insert(buildpacks), rows)
