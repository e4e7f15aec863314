"""Docker options: what an app's builds and containers get beside the defaults, by phase."""

from collections.abc import Sequence

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    delete,
    insert,
    select,
)

from paas.model.app import App
from paas.store.database import Database, app_column, metadata

docker_options = Table(
    "docker_options",
    metadata,
    app_column(),
    Column("phase", String, nullable=False),
    Column("process", String, nullable=False),  # "": every process type
    Column("position", Integer, nullable=False),
    Column("option", String, nullable=False),
    PrimaryKeyConstraint("app_id", "phase", "process", "position"),
)


class DockerOptions:
    """Options by app, phase and process type, in the order they were added."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, app: App, phase: str, process: str = "") -> Sequence[str]:
        """The options of one phase."""
        query = (
            select(docker_options.c.option)
            .where(of(app, phase, process))
            .order_by(docker_options.c.position)
        )
        with self._database.read() as connection:
            return [*connection.scalars(query)]

    def set(self, app: App, phase: str, options: Sequence[str], process: str = "") -> None:
        """Make these the options of one phase."""
        row = {"app_id": app.id, "phase": phase, "process": process}
        rows = [
            {**row, "position": position, "option": option}
            for position, option in enumerate(options, start=1)
        ]
        with self._database.write() as connection:
            connection.execute(delete(docker_options).where(of(app, phase, process)))
            if rows:
                connection.execute(insert(docker_options), rows)

    def processes(self, app: App, phase: str) -> Sequence[str]:
        """The process types that have options of their own in a phase."""
        mine = (docker_options.c.app_id == app.id) & (docker_options.c.phase == phase)
        named = mine & (docker_options.c.process != "")
        query = select(docker_options.c.process).where(named).distinct()
        with self._database.read() as connection:
            return sorted(connection.scalars(query))


def of(app: App, phase: str, process: str) -> ColumnElement[bool]:
    return (
        (docker_options.c.app_id == app.id)
        & (docker_options.c.phase == phase)
        & (docker_options.c.process == process)
    )
