"""Jobs and their runs: until when each was looked at, what waits, what ran and how it ended."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from paas.model.app import App
from paas.model.job import UNDER_WAY, JobRun, JobState, State
from paas.store.database import Database, Moment, app_column, metadata, now

jobs = Table(
    "jobs",
    metadata,
    app_column(),
    Column("job_id", String, nullable=False),
    Column("handled_until", Moment, nullable=False),
    Column("suspended", Boolean, nullable=False),
    PrimaryKeyConstraint("app_id", "job_id"),
)
job_runs = Table(
    "job_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    app_column(),
    Column("job_id", String, nullable=False),
    Column("state", String, nullable=False),
    Column("due_at", Moment, nullable=True),
    Column("started_at", Moment, nullable=True),
    Column("ended_at", Moment, nullable=True),
    Column("container_id", String, nullable=False),
    Column("container", String, nullable=False),
    Column("code", Integer, nullable=True),
    Column("words", String, nullable=False),
    Column("actor", String, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_job_runs_job", job_runs.c.app_id, job_runs.c.job_id, job_runs.c.id)
Index("ix_job_runs_state", job_runs.c.state)
Index("ix_job_runs_container_id", job_runs.c.container_id)
KEPT = 50  # runs of each job that are over
WORDS_LENGTH = 500


class Jobs:
    """What is remembered of jobs, and their runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- jobs ----------------------------------------------------------------------------

    def states(self) -> dict[tuple[int, str], JobState]:
        """What is remembered of every job, by its app's id and its own."""
        with self._database.read() as connection:
            return {
                (row.app_id, row.job_id): JobState(row.handled_until, row.suspended)
                for row in connection.execute(select(jobs))
            }

    def state(self, app: App, job_id: str) -> JobState | None:
        """What is remembered of one job; None when it is new."""
        with self._database.read() as connection:
            row = connection.execute(select(jobs).where(job(app.id, job_id))).first()
        return JobState(row.handled_until, row.suspended) if row else None

    def handled(self, app_id: int, job_id: str, until: datetime) -> None:
        """A job has been looked at up to a moment; a new one is remembered from then on."""
        where = job(app_id, job_id)
        with self._database.write() as connection:
            moved = connection.execute(update(jobs).where(where).values(handled_until=until))
            if not moved.rowcount:
                row = {"app_id": app_id, "job_id": job_id, "handled_until": until}
                connection.execute(insert(jobs).values(**row, suspended=False))

    def suspend(self, app: App, job_id: str, *, suspended: bool) -> None:
        """Have a job rest, or not any more; what it missed meanwhile stays missed."""
        with self._database.write() as connection:
            self.handled(app.id, job_id, now())
            connection.execute(update(jobs).where(job(app.id, job_id)).values(suspended=suspended))

    def forget(self, known: Collection[tuple[int, str]]) -> None:
        """Forget these jobs, which no release has any more."""
        with self._database.write() as connection:
            for app_id, job_id in known:
                connection.execute(delete(jobs).where(job(app_id, job_id)))

    # -- runs ----------------------------------------------------------------------------

    def add(
        self,
        app_id: int,
        job_id: str,
        state: State,
        *,
        due_at: datetime | None = None,
        words: str = "",
        actor: str = "",
    ) -> int:
        """A run that waits, or one that was skipped; its number."""
        row = insert(job_runs).values(
            app_id=app_id, job_id=job_id, state=state.value, due_at=due_at,
            ended_at=None if state is State.WAITING else now(),
            container_id="", container="", words=words[:WORDS_LENGTH], actor=actor,
        )  # fmt: skip
        with self._database.write() as connection:
            return connection.scalar(row.returning(job_runs.c.id)) or 0

    def begin(self, run: JobRun, container_id: str, container: str) -> bool:
        """A waiting run is being started in this container; False when it waits no more."""
        with self._database.write() as connection:
            waiting = (job_runs.c.id == run.id) & (job_runs.c.state == State.WAITING)
            begun = update(job_runs).where(waiting).values(
                state=State.STARTING, started_at=now(), container_id=container_id,
                container=container,
            )  # fmt: skip
            return connection.execute(begun).rowcount == 1

    def running(self, run: JobRun) -> None:
        """Its container runs; nothing when it has ended already."""
        with self._database.write() as connection:
            starting = (job_runs.c.id == run.id) & (job_runs.c.state == State.STARTING)
            connection.execute(update(job_runs).where(starting).values(state=State.RUNNING))

    def end(self, run: JobRun, state: State, words: str = "", code: int | None = None) -> bool:
        """A run is over; False when it was already. The oldest beyond the kept ones go."""
        with self._database.write() as connection:
            going_on = job_runs.c.state.in_([State.WAITING, *UNDER_WAY])
            ended = update(job_runs).where((job_runs.c.id == run.id) & going_on).values(
                state=state.value, words=words[:WORDS_LENGTH], code=code, ended_at=now()
            )  # fmt: skip
            if not connection.execute(ended).rowcount:
                return False
            prune(connection, run)
        return True

    def with_state(self, *states: State, app: App | None = None) -> list[JobRun]:
        """Runs in one of these states, those that were due first at the front."""
        query = select(job_runs).where(job_runs.c.state.in_(states)).order_by(job_runs.c.id)
        if app is not None:
            query = query.where(job_runs.c.app_id == app.id)
        return self._found(query)

    def run(self, number: int) -> JobRun | None:
        """One run by its number."""
        return next(iter(self._found(select(job_runs).where(job_runs.c.id == number))), None)

    def in_container(self, container_id: str) -> JobRun | None:
        """The run that a container is of."""
        query = select(job_runs).where(job_runs.c.container_id == container_id)
        return next(iter(self._found(query)), None)

    def newest(self, app: App, job_id: str, number: int) -> list[JobRun]:
        """A job's last runs, the newest first."""
        query = select(job_runs).where(of_job(app.id, job_id)).order_by(job_runs.c.id.desc())
        return self._found(query.limit(number))

    def last(self, app: App) -> dict[str, JobRun]:
        """The newest run of each job of an app."""
        mine = job_runs.c.app_id == app.id
        newest = select(func.max(job_runs.c.id)).where(mine).group_by(job_runs.c.job_id)
        query = select(job_runs).where(job_runs.c.id.in_(newest))
        return {run.job_id: run for run in self._found(query)}

    def _found(self, query: Any) -> list[JobRun]:
        with self._database.read() as connection:
            return [value(row) for row in connection.execute(query)]


def job(app_id: int, job_id: str) -> ColumnElement[bool]:
    return (jobs.c.app_id == app_id) & (jobs.c.job_id == job_id)


def of_job(app_id: int, job_id: str) -> ColumnElement[bool]:
    return (job_runs.c.app_id == app_id) & (job_runs.c.job_id == job_id)


def prune(connection: Connection, run: JobRun) -> None:
    """Forget all but the newest runs of a job that are over."""
    over = of_job(run.app_id, run.job_id) & job_runs.c.ended_at.is_not(None)
    newest_first = select(job_runs.c.id).where(over).order_by(job_runs.c.id.desc())
    bound = connection.scalar(newest_first.offset(KEPT).limit(1))
    if bound is not None:
        connection.execute(delete(job_runs).where(over, job_runs.c.id <= bound))


def value(row: Any) -> JobRun:
    return JobRun(
        row.id, row.app_id, row.job_id, State(row.state), row.due_at, row.started_at,
        row.ended_at, row.container_id, row.container, row.code, row.words, row.actor,
    )  # fmt: skip
