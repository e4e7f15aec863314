"""Formation: how many of each process type an app should run."""

from collections.abc import Mapping

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    delete,
    insert,
    select,
)

from paas.model.app import App, Formation
from paas.store.database import Database, app_column, metadata

formation = Table(
    "formation",
    metadata,
    app_column(),
    Column("process_type", String, nullable=False),
    Column("count", Integer, nullable=False),
    PrimaryKeyConstraint("app_id", "process_type"),
)
KIND = formation.c.process_type


class Formations:
    """Counts by app."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, app: App) -> Formation:
        """What was asked for; types that nobody scaled are missing."""
        if (every := self._database.whole(everything)) is not None:
            return Formation(every.get(app.id, {}))
        query = (
            select(formation.c.process_type, formation.c.count)
            .where(formation.c.app_id == app.id)
            .order_by(formation.c.process_type)
        )
        with self._database.read() as connection:
            return Formation(dict(connection.execute(query).all()))

    def set(self, app: App, counts: Mapping[str, int]) -> None:
        """Make these the counts, in place of all others."""
        rows = [
            {"app_id": app.id, "process_type": kind, "count": count}
            for kind, count in counts.items()
        ]
        with self._database.write() as connection:
            connection.execute(delete(formation).where(formation.c.app_id == app.id))
            if rows:
                connection.execute(insert(formation), rows)


def everything(connection: Connection) -> dict[int, dict[str, int]]:
    """Counts by app's id."""
    found: dict[int, dict[str, int]] = {}
    for identity, kind, count in connection.execute(select(formation).order_by(KIND)):
        found.setdefault(identity, {})[kind] = count
    return found
