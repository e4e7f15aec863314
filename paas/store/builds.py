"""Builds: a record of every deploy, bounded by the app's retention."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Integer,
    Select,
    String,
    Table,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)

from paas.errors import PaasError
from paas.model.app import App
from paas.model.build import Build, BuildKind, BuildStatus, Phase
from paas.store.database import Database, Moment, app_column, metadata, now

builds = Table(
    "builds",
    metadata,
    Column("id", Integer, primary_key=True),
    app_column(),
    Column("name", String, nullable=False),  # what people call its id
    Column("kind", String, nullable=False),
    Column("source", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("revision", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("status", String, nullable=False),
    Column("finished_at", Moment, nullable=True),
    Column("exit_code", Integer, nullable=True),
    Column("result", String, nullable=False),
    Column("version", Integer, nullable=True),
    Column("phases", JSON, nullable=False),
    UniqueConstraint("app_id", "name"),
)
RESULT_LENGTH = 2000


class Builds:
    """Records by app and id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, build: Build) -> None:
        """Note one that is under way."""
        with self._database.write() as connection:
            connection.execute(insert(builds).values(row_of(build)))

    def end(self, build: Build) -> None:
        """Note how it ended; nothing when it is not kept any more."""
        row = row_of(build)
        with self._database.write() as connection:
            connection.execute(update(builds).where(is_(build)).values(row))

    def get(self, app: App, build_id: str) -> Build:
        """One record; PaasError when there is none of that id."""
        with self._database.read() as connection:
            row = connection.execute(of(app).where(builds.c.name == build_id)).first()
        if row is None:
            raise PaasError(
                f"no such build {build_id[:80]} for app {app.name}",
                f"see which are kept: paas builds:list {app.name}",
            )
        return value(row)

    def list(self, app: App) -> list[Build]:
        """All that are kept, newest first."""
        with self._database.read() as connection:
            return [value(row) for row in connection.execute(newest_first(of(app)))]

    def latest(self, app: App) -> Build | None:
        """The newest one."""
        with self._database.read() as connection:
            row = connection.execute(newest_first(of(app)).limit(1)).first()
        return value(row) if row else None

    def of_release(self, app: App, version: int) -> Build | None:
        """The one that made a release."""
        query = of(app).where(builds.c.version == version).order_by(builds.c.name)
        with self._database.read() as connection:
            row = connection.execute(query.limit(1)).first()
        return value(row) if row else None

    def running(self) -> Sequence[Build]:
        """Those of every app that have no end yet, newest first."""
        query = select(builds).where(builds.c.status == BuildStatus.RUNNING)
        with self._database.read() as connection:
            return [value(row) for row in connection.execute(newest_first(query))]

    def fail_running(self, why: str, but: Collection[str] = (), app: App | None = None) -> int:
        """Mark failed what was left without an end, of one app or all; how many there were.

        but: those that are under way.
        """
        left = [one for one in self.running() if one.id not in but]
        names = [one.id for one in left if app is None or one.app_id == app.id]
        if names:
            ended = {"status": BuildStatus.FAILED, "finished_at": now(), "exit_code": 1}
            with self._database.write() as connection:
                connection.execute(
                    update(builds).where(builds.c.name.in_(names)).values(result=why, **ended)
                )
        return len(names)

    def surplus(self, app: App, keep: int, before: datetime | None = None) -> Sequence[str]:
        """Ids beyond the newest `keep`, and of those that ended before a time; never the newest."""
        ended = [one for one in self.list(app) if one.status is not BuildStatus.RUNNING]
        old = [one for one in ended[:keep] if before and (one.finished_at or before) < before]
        return [one.id for one in (*old, *ended[keep:]) if one is not ended[0]]

    def forget(self, app: App, ids: Sequence[str]) -> None:
        """Have records be gone."""
        with self._database.write() as connection:
            connection.execute(
                delete(builds).where(builds.c.app_id == app.id, builds.c.name.in_(ids))
            )


def of(app: App) -> Select[Any]:
    return select(builds).where(builds.c.app_id == app.id)


def newest_first(query: Select[Any]) -> Select[Any]:
    return query.order_by(builds.c.name.desc())


def is_(build: Build) -> Any:
    return (builds.c.app_id == build.app_id) & (builds.c.name == build.id)


def row_of(build: Build) -> dict[str, Any]:
    return {
        "app_id": build.app_id,
        "name": build.id,
        "kind": build.kind,
        "source": build.source,
        "actor": build.actor,
        "revision": build.commit,
        "pid": build.pid,
        "started_at": build.started_at,
        "status": build.status,
        "finished_at": build.finished_at,
        "exit_code": build.exit_code,
        "result": build.result[:RESULT_LENGTH],
        "version": build.release,
        "phases": [[one.name, round(one.seconds, 3)] for one in build.phases],
    }


def value(row: Any) -> Build:
    return Build(
        row.name,
        row.app_id,
        BuildKind(row.kind),
        row.source,
        row.actor,
        row.revision,
        row.pid,
        row.started_at,
        BuildStatus(row.status),
        row.finished_at,
        row.exit_code,
        row.result,
        row.version,
        tuple(Phase(name, seconds) for name, seconds in row.phases),
    )
