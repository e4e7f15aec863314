"""Volumes and where apps have them mounted. A mount goes with its app; a volume with nothing."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
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

from paas.errors import PaasError
from paas.model.app import App
from paas.model.volume import Attachment, Volume
from paas.store.apps import apps
from paas.store.database import Database, app_column, metadata

volumes = Table(
    "volumes",
    metadata,
    Column("name", String, primary_key=True),
    Column("host_path", String, nullable=False),
    Column("size_bytes", BigInteger, nullable=True),
    Column("owner", String, nullable=False),
    Column("mode", String, nullable=False),
    Column("labels", String, nullable=False),  # JSON, as the next
    Column("annotations", String, nullable=False),
)
volume_mounts = Table(
    "volume_mounts",
    metadata,
    app_column(),
    Column("position", Integer, nullable=False),
    Column("volume", String, nullable=False),
    Column("path", String, nullable=False),
    Column("phases", String, nullable=False),
    Column("process_type", String, nullable=False),  # "": of every type
    Column("subpath", String, nullable=False),
    Column("read_only", Boolean, nullable=False),
    Column("options", String, nullable=False),
    Column("owner", String, nullable=False),
    PrimaryKeyConstraint("app_id", "position"),
)


class Volumes:
    """Volumes by name, and mounts by app."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, name: str) -> Volume | None:
        """The volume of that name; None when there is none."""
        query = select(volumes).where(volumes.c.name == name)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return volume_of(row) if row else None

    def get(self, name: str) -> Volume:
        """The volume of that name, or PaasError."""
        found = self.find(name)
        if found is None:
            raise PaasError(
                f'storage entry "{name}" does not exist', f"make it: storage:create {name}"
            )
        return found

    def list(self) -> Sequence[Volume]:
        """Every volume, by name."""
        with self._database.read() as connection:
            return [volume_of(row) for row in connection.execute(select(volumes).order_by("name"))]

    def set(self, one: Volume) -> None:
        """Keep a volume, in place of the one of its name."""
        row = {
            "name": one.name,
            "host_path": one.host_path,
            "size_bytes": one.size_bytes,
            "owner": one.owner,
            "mode": one.mode,
            "labels": json.dumps(dict(one.labels), sort_keys=True),
            "annotations": json.dumps(dict(one.annotations), sort_keys=True),
        }
        with self._database.write() as connection:
            connection.execute(delete(volumes).where(volumes.c.name == one.name))
            connection.execute(insert(volumes).values(**row))

    def remove(self, name: str) -> None:
        """Forget a volume; PaasError while an app has it mounted."""
        with self._database.write() as connection:
            if using := self.used_by(name):
                raise PaasError(
                    f'storage entry "{name}" is still mounted by app(s): {", ".join(using)}',
                    f"storage:unmount {using[0]} {name}",
                )
            connection.execute(delete(volumes).where(volumes.c.name == name))

    # -- mounts ----------------------------------------------------------------------------

    def mounts(self, app: App) -> Sequence[Attachment]:
        """What an app has mounted, in the order it was."""
        if (every := self._database.whole(mounts_by_app)) is not None:
            return every.get(app.id, ())
        query = select(volume_mounts).where(volume_mounts.c.app_id == app.id).order_by("position")
        with self._database.read() as connection:
            return [attachment_of(row) for row in connection.execute(query)]

    def mount(self, app: App, found: Sequence[Attachment]) -> None:
        """Make these the mounts of an app."""
        rows = [
            {
                "app_id": app.id,
                "position": position,
                "volume": one.volume,
                "path": one.path,
                "phases": ",".join(one.phases),
                "process_type": one.process_type,
                "subpath": one.subpath,
                "read_only": one.read_only,
                "options": one.options,
                "owner": one.owner,
            }
            for position, one in enumerate(found, start=1)
        ]
        with self._database.write() as connection:
            connection.execute(delete(volume_mounts).where(volume_mounts.c.app_id == app.id))
            if rows:
                connection.execute(insert(volume_mounts), rows)

    def used_by(self, name: str) -> Sequence[str]:
        """Names of the apps that have a volume mounted."""
        query = (
            select(apps.c.name)
            .join(volume_mounts, volume_mounts.c.app_id == apps.c.id)
            .where(volume_mounts.c.volume == name)
            .distinct()
            .order_by(apps.c.name)
        )
        with self._database.read() as connection:
            return [*connection.scalars(query)]


def volume_of(row: Any) -> Volume:
    return Volume(
        row.name,
        row.host_path,
        row.size_bytes,
        row.owner,
        row.mode,
        json.loads(row.labels),
        json.loads(row.annotations),
    )


def attachment_of(row: Any) -> Attachment:
    return Attachment(
        row.volume,
        row.path,
        tuple(row.phases.split(",")),
        row.process_type,
        row.subpath,
        read_only=row.read_only,
        options=row.options,
        owner=row.owner,
    )


def mounts_by_app(connection: Connection) -> Mapping[int, Sequence[Attachment]]:
    """Every app's mounts, by its id."""
    found: dict[int, list[Attachment]] = {}
    query = select(volume_mounts).order_by(volume_mounts.c.app_id, volume_mounts.c.position)
    for row in connection.execute(query):
        found.setdefault(row.app_id, []).append(attachment_of(row))
    return found
