"""Stacks: every making of one that is kept, and which are current."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Integer,
    String,
    Table,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)

from paas.model.release import Layer
from paas.model.stack import Recipe, Snapshot
from paas.store.database import Database, Moment, metadata

stacks = Table(
    "stacks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("snapshot", String, nullable=False),
    Column("name", String, nullable=False),
    Column("recipe", JSON, nullable=False),
    Column("digest", String, nullable=False),
    Column("run", JSON, nullable=False),
    Column("build", JSON, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("actor", String, nullable=False),
    Column("current", Boolean, nullable=False),
    UniqueConstraint("snapshot"),
)


class Stacks:
    """Snapshots by name; at most one of each is current."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, one: Snapshot) -> None:
        """Keep a new one, and make it the current one of its name."""
        mine = stacks.c.name == one.name
        with self._database.write() as connection:
            connection.execute(update(stacks).where(mine).values(current=False))
            connection.execute(
                insert(stacks).values(
                    snapshot=one.id,
                    name=one.name,
                    recipe=asdict(one.recipe),
                    digest=one.digest,
                    run=[asdict(layer) for layer in one.run],
                    build=[asdict(layer) for layer in one.build],
                    made_at=one.made_at,
                    actor=one.actor,
                    current=True,
                )
            )

    def list(self) -> Sequence[Snapshot]:
        """All that are kept, by name, newest first."""
        query = select(stacks).order_by(stacks.c.name, stacks.c.id.desc())
        with self._database.read() as connection:
            return [value(row) for row in connection.execute(query)]

    def current(self, name: str) -> Snapshot | None:
        """The one that builds take."""
        query = select(stacks).where((stacks.c.name == name) & stacks.c.current)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return value(row) if row else None

    def forget(self, snapshots: Sequence[str]) -> None:
        """Have snapshots be gone; their layers go once nobody has them."""
        with self._database.write() as connection:
            connection.execute(delete(stacks).where(stacks.c.snapshot.in_(snapshots)))


def value(row: Any) -> Snapshot:
    recipe = row.recipe
    return Snapshot(
        row.snapshot,
        row.name,
        Recipe(recipe["suite"], tuple(recipe["run"]), tuple(recipe["build"])),
        row.digest,
        tuple(Layer(**layer) for layer in row.run),
        tuple(Layer(**layer) for layer in row.build),
        row.made_at,
        row.actor,
        row.current,
    )
