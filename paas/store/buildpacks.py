"""Buildpacks: the ones an app asked for, in their order, and which revisions were fetched."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, String, Table, delete, insert, select

from paas.model.app import App
from paas.model.buildpack import Fetched
from paas.store.database import Database, Moment, app_column, metadata, now

buildpacks = Table(
    "buildpacks",
    metadata,
    app_column(),
    Column("position", Integer, nullable=False),
    Column("name", String, nullable=False),
    PrimaryKeyConstraint("app_id", "position"),
)
fetched = Table(
    "fetched_buildpacks",
    metadata,
    Column("reference", String, primary_key=True),
    Column("revision", String, nullable=False),
    Column("layer", String, nullable=False),
    Column("fetched_at", Moment, nullable=False),
)


class Buildpacks:
    """References by app; and what the latest fetch of each brought."""

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

    def fetched(self, reference: str) -> Fetched | None:
        """What is kept of a buildpack, None when it was never fetched."""
        query = select(fetched).where(fetched.c.reference == reference)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Fetched(**row._mapping)  # noqa: SLF001 - SQLAlchemy's name

    def keep(self, reference: str, revision: str, layer: str) -> Fetched:
        """Note what a fetch brought."""
        brought = Fetched(reference, revision, layer, now())
        with self._database.write() as connection:
            connection.execute(delete(fetched).where(fetched.c.reference == reference))
            connection.execute(insert(fetched).values(asdict(brought)))
        return brought
