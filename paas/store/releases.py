"""Releases: numbered, immutable, at most one of them current."""

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
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
    text,
    update,
)

from paas.errors import AppNotFound, PaasError
from paas.model.app import App
from paas.model.release import Image, Release
from paas.store.apps import apps
from paas.store.database import Database, Moment, app_column, metadata, now
from paas.store.image_column import ImageColumn

releases = Table(
    "releases",
    metadata,
    Column("id", Integer, primary_key=True),
    app_column(),
    Column("version", Integer, nullable=False),
    Column("image", ImageColumn, nullable=False),
    Column("config", JSON, nullable=False),
    Column("description", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("status", String, nullable=False),
    Column("current", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("served_at", Moment, nullable=True),
    Column("crashes", Integer, nullable=False, server_default=text("0")),
    Column("reverts", Integer, nullable=True),
    UniqueConstraint("app_id", "version"),
)
Index(
    "uq_releases_current",
    releases.c.app_id,
    unique=True,
    sqlite_where=releases.c.current,
    postgresql_where=releases.c.current,
)
PENDING, SUCCEEDED, FAILED = "pending", "succeeded", "failed"


class Releases:
    """Releases by app and version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cut(
        self,
        app: App,
        image: Image,
        config: dict[str, str],
        description: str,
        actor: str = "",
        reverts: int | None = None,
    ) -> Release:
        """The next version, pending until it succeeds or fails.

        reverts: the version that crashed, when this one is to take its place by itself.
        """
        made = now()
        with self._database.write() as connection:
            bump = update(apps).where(apps.c.id == app.id).values(last_version=NEXT_VERSION)
            version = connection.scalar(bump.returning(apps.c.last_version))
            if version is None:
                raise AppNotFound(app.name)
            connection.execute(
                insert(releases).values(
                    app_id=app.id,
                    version=version,
                    image=image,
                    config=config,
                    description=description,
                    actor=actor,
                    status=PENDING,
                    current=False,
                    created_at=made,
                    reverts=reverts,
                )
            )
        return Release(
            app.id, version, image, dict(config), description, made, actor, PENDING, reverts=reverts
        )

    def current(self, app: App) -> Release | None:
        """The release that serves, if any."""
        with self._database.read() as connection:
            row = connection.execute(select(releases).where(of(app) & releases.c.current)).first()
        return value(row) if row else None

    def get(self, app: App, version: int) -> Release:
        """One release; PaasError when it never was or is not kept any more."""
        with self._database.read() as connection:
            query = select(releases).where(of(app) & (releases.c.version == version))
            row = connection.execute(query).first()
        if row is None:
            raise PaasError(
                f"{app.name} has no release v{version}",
                f"see which are kept: paas releases:list {app.name}",
            )
        return value(row)

    def prune(self, app: App, keep: int) -> list[Release]:
        """Forget all but the newest `keep` that served and the newest `keep` that failed.

        The current one and pending ones stay in any case. Returns what was forgotten.
        """
        query = select(releases).where(of(app)).order_by(releases.c.version.desc())
        with self._database.write() as connection:
            rows = connection.execute(query).all()
            gone = [
                row
                for status in (SUCCEEDED, FAILED)
                for row in [one for one in rows if one.status == status][keep:]
                if not row.current
            ]
            connection.execute(delete(releases).where(releases.c.id.in_([row.id for row in gone])))
        return [value(row) for row in gone]

    def list(self, app: App) -> list[Release]:
        """Every release that is kept, newest first."""
        query = select(releases).where(of(app)).order_by(releases.c.version.desc())
        with self._database.read() as connection:
            return [value(row) for row in connection.execute(query)]

    def succeed(self, release: Release) -> None:
        """Make it the current one, in place of the one before; nothing when it is already."""
        mine = releases.c.app_id == release.app_id
        this = mine & (releases.c.version == release.version)
        with self._database.write() as connection:
            if connection.scalar(select(releases.c.current).where(this)):
                return
            connection.execute(
                update(releases).where(mine & releases.c.current).values(current=False)
            )
            done = connection.execute(
                update(releases)
                .where(this)
                .values(current=True, status=SUCCEEDED, served_at=now(), crashes=0)
            )
            if not done.rowcount:
                raise PaasError(f"{release.name} is gone: its app was destroyed meanwhile")

    def none_current(self, app: App) -> None:
        """Forget which release serves, as before the first one did."""
        with self._database.write() as connection:
            connection.execute(
                update(releases)
                .where(of(app) & releases.c.current)
                .values(current=False, status=FAILED)
            )

    def fail(self, release: Release) -> None:
        """Mark it failed, unless it is the current one."""
        with self._database.write() as connection:
            connection.execute(
                update(releases)
                .where(
                    releases.c.app_id == release.app_id,
                    releases.c.version == release.version,
                    ~releases.c.current,
                )
                .values(status=FAILED)
            )

    def crashed(self, release: Release) -> int:
        """Count a crash against a release; how many there are by now."""
        with self._database.write() as connection:
            counted = (
                update(releases)
                .where(releases.c.app_id == release.app_id, releases.c.version == release.version)
                .values(crashes=releases.c.crashes + 1)
                .returning(releases.c.crashes)
            )
            return connection.scalar(counted) or 0

    def fail_pending(self, app: App | None = None) -> int:
        """Mark failed what was left half done, of one app or of all; how many there were.

        For when nothing of it is under way: as the daemon starts, or under the app's lock.
        """
        abandoned = update(releases).where(releases.c.status == PENDING).values(status=FAILED)
        if app is not None:
            abandoned = abandoned.where(of(app))
        with self._database.write() as connection:
            return connection.execute(abandoned).rowcount


NEXT_VERSION = apps.c.last_version + 1


def of(app: App) -> ColumnElement[bool]:
    return releases.c.app_id == app.id


def value(row: Any) -> Release:
    return Release(
        row.app_id,
        row.version,
        row.image,
        row.config,
        row.description,
        row.created_at,
        row.actor,
        row.status,
        row.served_at,
        row.crashes,
        row.reverts,
    )
