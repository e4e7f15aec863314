"""Process states: what is remembered of each slot of an app, over restarts of the daemon."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from paas.model.app import App
from paas.model.container import ExitStatus
from paas.model.process_state import ProcessState
from paas.store.database import Database, Moment, app_column, metadata

process_states = Table(
    "process_states",
    metadata,
    app_column(),
    Column("process", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("restarts", Integer, nullable=False),
    Column("failures_in_a_row", Integer, nullable=False),
    Column("gave_up", Boolean, nullable=False),
    Column("exit_code", Integer, nullable=True),
    Column("out_of_memory", Boolean, nullable=False),
    Column("out_of_disk", Boolean, nullable=False),
    Column("exit_at", Moment, nullable=True),
    Column("exit_release", Integer, nullable=False),
    Column("memory_bytes", BigInteger, nullable=True),
    PrimaryKeyConstraint("app_id", "process", "number"),
)


class ProcessStates:
    """States by app, process type and number (web.1)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, app: App, process: str, number: int) -> ProcessState:
        """What is remembered of one slot; empty at first."""
        if (every := self._database.whole(everything)) is not None:
            return every.get((app.id, process, number), ProcessState())
        with self._database.read() as connection:
            query = select(process_states).where(of(app, process, number))
            row = connection.execute(query).first()
        return value(row) if row else ProcessState()

    def all(self, app: App) -> dict[str, ProcessState]:
        """Every slot that anything is remembered of, by its name."""
        query = select(process_states).where(process_states.c.app_id == app.id)
        with self._database.read() as connection:
            return {f"{row.process}.{row.number}": value(row) for row in connection.execute(query)}

    def change(
        self, app: App, process: str, number: int, change: Callable[[ProcessState], ProcessState]
    ) -> ProcessState:
        """Replace what is remembered by what change makes of it; the new state."""
        with self._database.write() as connection:
            where = of(app, process, number)
            row = connection.execute(select(process_states).where(where)).first()
            new = change(value(row) if row else ProcessState())
            connection.execute(delete(process_states).where(where))
            key = {"app_id": app.id, "process": process, "number": number}
            connection.execute(insert(process_states).values(**key, **columns(new)))
        return new

    def forgive(self) -> None:
        """Forget what is counted and who was given up; last exits stay known."""
        counted = (process_states.c.failures_in_a_row > 0) | process_states.c.gave_up
        with self._database.write() as connection:
            connection.execute(
                update(process_states).where(counted).values(failures_in_a_row=0, gave_up=False)
            )


def of(app: App, process: str, number: int) -> ColumnElement[bool]:
    mine = process_states.c.app_id == app.id
    return mine & (process_states.c.process == process) & (process_states.c.number == number)


def everything(connection: Connection) -> dict[tuple[int, str, int], ProcessState]:
    """States by app's id, process type and number."""
    return {
        (row.app_id, row.process, row.number): value(row)
        for row in connection.execute(select(process_states))
    }


def columns(state: ProcessState) -> dict[str, Any]:
    ended = state.last_exit
    return {
        "restarts": state.restarts,
        "failures_in_a_row": state.failures_in_a_row,
        "gave_up": state.gave_up,
        "exit_code": ended.code if ended else None,
        "out_of_memory": bool(ended and ended.out_of_memory),
        "out_of_disk": bool(ended and ended.out_of_disk),
        "exit_at": state.last_exit_at,
        "exit_release": state.exit_release,
        "memory_bytes": state.memory_bytes,
    }


def value(row: Any) -> ProcessState:
    ended = None
    if row.exit_code is not None:
        ended = ExitStatus(row.exit_code, row.out_of_memory, row.out_of_disk)
    return ProcessState(
        row.restarts,
        row.failures_in_a_row,
        row.gave_up,
        ended,
        row.exit_at,
        row.exit_release,
        row.memory_bytes,
    )
