"""Releases: numbered, immutable, at most one of them current."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Select,
    String,
    Table,
    UniqueConstraint,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.sql.functions import count

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
# which layers a release has, so that who needs a layer is asked without reading every image
release_layers = Table(
    "release_layers",
    metadata,
    Column("release_id", Integer, ForeignKey("releases.id", ondelete="CASCADE"), primary_key=True),
    Column("layer_id", String, primary_key=True),
)
Index("ix_release_layers_layer_id", release_layers.c.layer_id)
ASKED_AT_ONCE = 500  # databases limit how many values a question has
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
            row = insert(releases).values(
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
            note_layers(connection, connection.scalar(row.returning(releases.c.id)), image)
        return Release(
            app.id, version, image, dict(config), description, made, actor, PENDING, reverts=reverts
        )

    def current(self, app: App) -> Release | None:
        """The release that serves, if any."""
        if (every := self._database.whole(serving)) is not None:
            return every.get(app.id)
        with self._database.read() as connection:
            row = connection.execute(select(releases).where(of(app) & releases.c.current)).first()
        return value(row) if row else None

    def versions(self) -> dict[int, int]:
        """The number of the release that serves, by the app's id."""
        query = select(releases.c.app_id, releases.c.version).where(releases.c.current)
        with self._database.read() as connection:
            return {row.app_id: row.version for row in connection.execute(query)}

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
        if not self.surplus(app, keep):
            return []
        with self._database.write() as connection:
            ids = list(surplus(connection, app, keep))
            query = select(releases).where(releases.c.id.in_(ids))
            rows = connection.execute(query.order_by(releases.c.version.desc())).all()
            connection.execute(delete(releases).where(releases.c.id.in_(ids)))
        return [value(row) for row in rows]

    def surplus(self, app: App, keep: int) -> dict[int, int]:
        """What prune would forget: versions, by the database's ids."""
        with self._database.read() as connection:
            return surplus(connection, app, keep)

    def layers_needed(
        self,
        among: Collection[str] | None = None,
        *,
        besides: App | None = None,
        without: Sequence[int] = (),
    ) -> set[str]:
        """Ids of layers that a release has which served or may yet, of every app.

        among: only of these layers; besides: without the releases of an app; without: not
        those releases (the database's ids).
        """
        query = needed().distinct()
        if among is not None and len(among) <= ASKED_AT_ONCE:
            query = query.where(release_layers.c.layer_id.in_(among))
        if besides is not None:
            query = query.where(~of(besides))
        if without:
            query = query.where(releases.c.id.not_in(without))
        with self._database.read() as connection:
            found = set(connection.scalars(query))
        return found if among is None else found.intersection(among)

    def layers_by_app(self) -> dict[int, set[str]]:
        """The same, by the id of the app."""
        found: dict[int, set[str]] = {}
        query = needed().add_columns(releases.c.app_id).distinct()
        with self._database.read() as connection:
            for layer_id, app_id in connection.execute(query):
                found.setdefault(app_id, set()).add(layer_id)
        return found

    def usable(self) -> dict[int, list[Release]]:
        """Those of every app that did not fail, newest first, by the app's id."""
        query = select(releases).where(releases.c.status != FAILED)
        found: dict[int, list[Release]] = {}
        with self._database.read() as connection:
            for row in connection.execute(query.order_by(releases.c.version.desc())):
                found.setdefault(row.app_id, []).append(value(row))
        return found

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

    def pending(self) -> set[int]:
        """Ids of apps with a release that is neither serving yet nor failed."""
        query = select(releases.c.app_id).where(releases.c.status == PENDING)
        with self._database.read() as connection:
            return set(connection.scalars(query))

    def fail_pending(self, app: App | None = None) -> int:
        """Mark failed what was left half done, of one app or of all; how many there were.

        For when nothing of it is under way: as the daemon starts, or under the app's lock.
        """
        pending = releases.c.status == PENDING
        if app is not None:
            pending &= of(app)
        with self._database.read() as connection:
            found = connection.scalar(select(count()).select_from(releases).where(pending))
        if not found:  # nearly always, and asked often
            return 0
        with self._database.write() as connection:
            return connection.execute(
                update(releases).where(pending).values(status=FAILED)
            ).rowcount


NEXT_VERSION = apps.c.last_version + 1


def note_layers(connection: Connection, release_id: int | None, image: Image) -> None:
    ids = dict.fromkeys(layer.id for layer in image.layers)
    if ids:
        rows = [{"release_id": release_id, "layer_id": layer_id} for layer_id in ids]
        connection.execute(insert(release_layers), rows)


def needed() -> Select[str]:
    """Layers of every release that did not fail."""
    joined = release_layers.join(releases, release_layers.c.release_id == releases.c.id)
    return select(release_layers.c.layer_id).select_from(joined).where(releases.c.status != FAILED)


def surplus(connection: Connection, app: App, keep: int) -> dict[int, int]:
    """Releases beyond the newest `keep` of each outcome: versions by the database's ids."""
    columns = (releases.c.id, releases.c.version, releases.c.status, releases.c.current)
    rows = connection.execute(
        select(*columns).where(of(app)).order_by(releases.c.version.desc())
    ).all()
    return {
        row.id: row.version
        for status in (SUCCEEDED, FAILED)
        for row in [one for one in rows if one.status == status][keep:]
        if not row.current
    }


def of(app: App) -> ColumnElement[bool]:
    return releases.c.app_id == app.id


def serving(connection: Connection) -> dict[int, Release]:
    """The release that serves by app's id."""
    rows = connection.execute(select(releases).where(releases.c.current))
    return {row.app_id: value(row) for row in rows}


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
