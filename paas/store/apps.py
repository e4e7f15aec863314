"""Apps: their names, their slots, and whether they are locked or stopped."""

from itertools import count
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from paas.errors import AppNotFound, PaasError
from paas.model.app import App
from paas.model.names import app_name
from paas.store.database import Database, Moment, metadata, now
from paas.store.networks import networks

apps = Table(
    "apps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("slot", Integer, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("stopped", Boolean, nullable=False),
    # the newest release's number: numbers are never used twice, even after a prune
    Column("last_version", Integer, nullable=False),
    # an id is never used twice either: folders are named after it
    sqlite_autoincrement=True,
)
COLUMNS = (
    apps.c.id,
    apps.c.name,
    apps.c.slot,
    apps.c.created_at,
    apps.c.locked,
    apps.c.stopped,
)


class Apps:
    """The table of apps."""

    def __init__(self, database: Database, slots: int) -> None:
        self._database = database
        self._slots = slots

    def create(self, name: str) -> App:
        """A new app in the lowest free slot; PaasError when the name is taken."""
        return self.reserve(name, None, None)

    def reserve(self, name: str, id_: int | None, slot: int | None) -> App:
        """A new app with this id and in this slot, where they are free; else with others."""
        app_name(name)
        try:
            with self._database.write() as connection:
                taken_ids = set(connection.scalars(select(apps.c.id)))
                own_id = {} if id_ is None or id_ in taken_ids else {"id": id_}
                connection.execute(
                    insert(apps).values(
                        name=name,
                        slot=self._free_slot(connection, slot),
                        created_at=now(),
                        locked=False,
                        stopped=False,
                        last_version=0,
                        **own_id,
                    )
                )
        except IntegrityError as error:
            raise taken(name) from error
        return self.get(name)

    def _free_slot(self, connection: Connection, wanted: int | None) -> int:
        used = set(connection.scalars(select(apps.c.slot)))
        used |= set(connection.scalars(select(networks.c.slot)))
        if wanted is not None and wanted not in used and 1 <= wanted <= self._slots:
            return wanted
        slot = next(number for number in count(1) if number not in used)
        if slot > self._slots:
            raise PaasError(
                f"there is no room for another app: all {self._slots} networks are in use",
                "destroy an app, or choose a larger subnet_pool or a longer subnet_prefix",
            )
        return slot

    def find(self, name: str) -> App | None:
        """The app of that name, if there is one."""
        if (every := self._database.whole(by_name)) is not None:
            return every.get(name)
        with self._database.read() as connection:
            row = connection.execute(select(*COLUMNS).where(apps.c.name == name)).first()
        return App(*row) if row else None

    def get(self, name: str) -> App:
        """The app of that name; AppNotFound when there is none."""
        found = self.find(name)
        if found is None:
            raise AppNotFound(name)
        return found

    def list(self) -> list[App]:
        """Every app, by name."""
        with self._database.read() as connection:
            return [*by_name(connection).values()]

    def by_id(self, identity: int) -> App | None:
        """The app of that id, whatever its name is by now."""
        return self._where(apps.c.id == identity)

    def in_slot(self, slot: int) -> App | None:
        """The app that has a slot."""
        return self._where(apps.c.slot == slot)

    def _where(self, condition: ColumnElement[bool]) -> App | None:
        with self._database.read() as connection:
            row = connection.execute(select(*COLUMNS).where(condition)).first()
        return App(*row) if row else None

    def rename(self, app: App, new: str) -> App:
        """The app under its new name; PaasError when that is taken."""
        app_name(new)
        try:
            self._update(app, name=new)
        except IntegrityError as error:
            raise taken(new) from error
        return self.get(new)

    def remove(self, app: App) -> None:
        """Forget the app and everything of it."""
        with self._database.write() as connection:
            connection.execute(delete(apps).where(apps.c.id == app.id))

    def lock(self, app: App, locked: bool) -> None:
        """Refuse deploys from now on, or take them again."""
        self._update(app, locked=locked)

    def stopped(self, app: App, stopped: bool) -> None:
        """Remember that nothing of the app should run, or that it should again."""
        self._update(app, stopped=stopped)

    def _update(self, app: App, **changes: Any) -> None:
        with self._database.write() as connection:
            changed = connection.execute(update(apps).where(apps.c.id == app.id).values(**changes))
        if not changed.rowcount:
            raise AppNotFound(app.name)


def by_name(connection: Connection) -> dict[str, App]:
    rows = connection.execute(select(*COLUMNS).order_by(apps.c.name))
    return {row.name: App(*row) for row in rows}


def taken(name: str) -> PaasError:
    return PaasError(f"App {name} exists already", "choose another name")
