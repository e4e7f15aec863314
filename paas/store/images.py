"""Images that have a name of their own: imported, pulled, committed or tagged.

One without an app serves the whole instance; one with an app is seen by that app alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

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
from paas.model.release import Image
from paas.store.database import Database, Moment, app_column, metadata, now
from paas.store.image_column import ImageColumn

named_images = Table(
    "named_images",
    metadata,
    Column("id", Integer, primary_key=True),
    app_column(nullable=True),
    Column("name", String, nullable=False),
    Column("image", ImageColumn, nullable=False),
    Column("actor", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("app_id", "name"),
)
GLOBAL = named_images.c.app_id.is_(None)
Index(
    "uq_named_images_global",
    named_images.c.name,
    unique=True,
    sqlite_where=GLOBAL,
    postgresql_where=GLOBAL,
)


@dataclass(frozen=True, slots=True)
class NamedImage:
    """A name and the image it stands for; app_id None: everybody's."""

    app_id: int | None
    name: str
    image: Image
    actor: str
    created_at: datetime


class NamedImages:
    """Images by app (None: the instance) and name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, app: App | None, name: str) -> NamedImage | None:
        """The image of that name that belongs to the app, or to the instance."""
        query = select(named_images).where(of(app) & (named_images.c.name == name))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return value(row) if row else None

    def list(self) -> Sequence[NamedImage]:
        """Every image that has a name, whoever's it is."""
        query = select(named_images).order_by(named_images.c.name, named_images.c.id)
        with self._database.read() as connection:
            return [value(row) for row in connection.execute(query)]

    def set(self, app: App | None, name: str, image: Image, actor: str) -> NamedImage:
        """Give an image the name, in place of the image that had it."""
        made = NamedImage(app.id if app else None, name, image, actor, now())
        with self._database.write() as connection:
            connection.execute(delete(named_images).where(of(app) & (named_images.c.name == name)))
            connection.execute(
                insert(named_images).values(
                    app_id=made.app_id,
                    name=name,
                    image=image,
                    actor=actor,
                    created_at=made.created_at,
                )
            )
        return made

    def remove(self, app: App | None, name: str) -> bool:
        """Forget a name; whether there was one."""
        where = of(app) & (named_images.c.name == name)
        with self._database.write() as connection:
            return bool(connection.execute(delete(named_images).where(where)).rowcount)


def of(app: App | None) -> ColumnElement[bool]:
    return GLOBAL if app is None else named_images.c.app_id == app.id


def value(row: object) -> NamedImage:
    """A row as a value."""
    return NamedImage(
        row.app_id,  # type: ignore[attr-defined]
        row.name,  # type: ignore[attr-defined]
        row.image,  # type: ignore[attr-defined]
        row.actor,  # type: ignore[attr-defined]
        row.created_at,  # type: ignore[attr-defined]
    )
