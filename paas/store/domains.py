"""Domains: which names lead to which app. A name leads to one app, the database sees to it.

Beside the domains it was given, an app answers on <app>.<suffix> for every global
domain (or the instance's own), until somebody sets, clears or disables its domains.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    String,
    Table,
    delete,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError

from paas.errors import PaasError
from paas.model.app import App
from paas.model.names import domain_name
from paas.store import redirects
from paas.store.apps import apps
from paas.store.database import Database, app_column, metadata

domains = Table(
    "domains",
    metadata,
    Column("id", Integer, primary_key=True),
    app_column(index=True),
    Column("name", String, nullable=False, unique=True),
)
global_domains = Table(
    "global_domains",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
)
# an app without a row here has its default domains and is enabled
domain_settings = Table(
    "domain_settings",
    metadata,
    app_column(primary_key=True),
    Column("defaults", Boolean, nullable=False, server_default=true()),
    Column("enabled", Boolean, nullable=False, server_default=true()),
)


class Domains:
    """Names by app; app None stands for the global domains, under which every app is found."""

    def __init__(self, database: Database, default: str) -> None:
        self._database = database
        self._default = default

    # -- asking ------------------------------------------------------------------------

    def list(self, app: App | None) -> list[str]:
        """What was added for the app (or globally), oldest first."""
        with self._database.read() as connection:
            return own(connection, app)

    def suffixes(self) -> tuple[str, ...]:
        """Under which names every app is found: the global domains, or the instance's own."""
        with self._database.read() as connection:
            return self._suffixes(connection)

    def enabled(self, app: App) -> bool:
        """Whether the app answers on any domain at all."""
        with self._database.read() as connection:
            return flags(connection, app)[1]

    def effective(self, app: App) -> tuple[str, ...]:
        """Every name that leads to the app: what was added, then the default ones."""
        if (every := self._database.whole(self._all_effective)) is not None:
            return every.get(app.id, ())
        with self._database.read() as connection:
            return self._effective(connection, app)

    def owner(self, name: str) -> str | None:
        """The app that this very name leads to."""
        with self._database.read() as connection:
            return self._owner(connection, name)

    def _suffixes(self, connection: Connection) -> tuple[str, ...]:
        return tuple(own(connection, None)) or (self._default,)

    def _effective(self, connection: Connection, app: App) -> tuple[str, ...]:
        defaults, enabled = flags(connection, app)
        if not enabled:
            return ()
        given = own(connection, app)
        names = [f"{app.name}.{suffix}" for suffix in self._suffixes(connection) if defaults]
        free = [name for name in names if self._owner(connection, name) == app.name]
        return tuple(dict.fromkeys([*given, *free]))

    def _all_effective(self, connection: Connection) -> dict[int, tuple[str, ...]]:
        """The names of every app by its id: what _effective gives, for all of them at once."""
        suffixes, given = self._suffixes(connection), all_given(connection)
        columns = (apps.c.id, apps.c.name, domain_settings.c.defaults, domain_settings.c.enabled)
        query = select(*columns).outerjoin(domain_settings).order_by(apps.c.id)
        rows = connection.execute(query).all()
        owners: dict[str, int] = {}
        for row in rows:
            if row.defaults is not False:
                for suffix in suffixes:
                    owners.setdefault(f"{row.name}.{suffix}", row.id)
        owners |= redirects.owners(connection)
        owners |= {name: identity for identity, names in given.items() for name in names}
        found: dict[int, tuple[str, ...]] = {}
        for row in rows:
            defaults = [f"{row.name}.{one}" for one in suffixes if row.defaults is not False]
            free = [name for name in defaults if owners[name] == row.id]
            names = () if row.enabled is False else (*given.get(row.id, ()), *free)
            found[row.id] = tuple(dict.fromkeys(names))
        return found

    def _owner(self, connection: Connection, name: str) -> str | None:
        """Who was given the name or sends it on, or else the oldest app whose default it is."""
        query = select(apps.c.name).join(domains).where(domains.c.name == name)
        given: str | None = connection.scalar(query) or redirects.owner(connection, name)
        if given is not None:
            return given
        labels = [
            name.removesuffix(f".{suffix}")
            for suffix in self._suffixes(connection)
            if name.endswith(f".{suffix}")
        ]
        query = (
            select(apps.c.name)
            .outerjoin(domain_settings)
            .where(apps.c.name.in_(labels), domain_settings.c.defaults.is_not(False))
            .order_by(apps.c.id)
            .limit(1)
        )
        return connection.scalar(query)

    # -- changing ------------------------------------------------------------------------

    def add(self, app: App | None, names: Iterable[str]) -> None:
        """Add all of them or none; what is there already is no error.

        Raises PaasError naming the app that has one of them.
        """
        self._change(app, names, keep=True)

    def set(self, app: App | None, names: Iterable[str]) -> None:
        """Make these the only ones; an app's default ones go too."""
        self._change(app, names, keep=False)

    def remove(self, app: App | None, names: Iterable[str]) -> None:
        """Take these away; PaasError, and nothing changed, when one is not there.

        Removing a default name leaves the app with the names it was given.
        """
        wanted = clean(names)
        with self._database.write() as connection:
            present = own(connection, app)
            default = set(self._effective(connection, app)) - set(present) if app else set()
            for name in wanted:
                if name not in present and name not in default:
                    raise PaasError(f"{name} is not a domain of {app.name if app else 'paas'}")
            drop(connection, app, wanted)
            if app and default.intersection(wanted):
                put(connection, app, sorted(default.difference(wanted)))
                flag(connection, app, defaults=False)

    def clear(self, app: App | None) -> None:
        """Take every name away, an app's default ones too."""
        self._change(app, (), keep=False)

    def reset(self, app: App) -> None:
        """Back to the default names alone."""
        with self._database.write() as connection:
            drop(connection, app, None)
            flag(connection, app, defaults=True)

    def enable(self, app: App, enabled: bool) -> None:
        """Answer on the app's domains, or on none while they are kept."""
        with self._database.write() as connection:
            flag(connection, app, enabled=enabled)

    def _change(self, app: App | None, names: Iterable[str], *, keep: bool) -> None:
        wanted = clean(names)
        try:
            with self._database.write() as connection:
                if not keep:
                    drop(connection, app, None)
                    if app:
                        flag(connection, app, defaults=False)
                if app:
                    self._refuse_foreign(connection, app, wanted)
                present = set(own(connection, app))
                put(connection, app, [name for name in wanted if name not in present])
        except IntegrityError as error:
            raise PaasError("another app took one of these domains just now") from error

    def _refuse_foreign(self, connection: Connection, app: App, names: Sequence[str]) -> None:
        for name in names:
            sender = redirects.owner(connection, name)
            if sender not in (None, app.name):
                raise PaasError(
                    f"{name} is sent on by app {sender}; nothing was changed",
                    f"paas redirect:unset {sender} {name}",
                )
            holder = self._owner(connection, name)
            if holder not in (None, app.name):
                raise PaasError(
                    f"{name} belongs to app {holder} already; nothing was changed",
                    f"remove it there first: paas domains:remove {holder} {name}",
                )


def clean(names: Iterable[str]) -> list[str]:
    """Checked, in the form they are kept in, each once."""
    return list(dict.fromkeys(domain_name(name) for name in names))


def table_of(app: App | None) -> Table:
    return domains if app else global_domains


def own(connection: Connection, app: App | None) -> list[str]:
    table = table_of(app)
    query = select(table.c.name).order_by(table.c.id)
    if app:
        query = query.where(domains.c.app_id == app.id)
    return [*connection.scalars(query)]


def all_given(connection: Connection) -> dict[int, list[str]]:
    """The names every app was given, by its id, oldest first."""
    found: dict[int, list[str]] = {}
    for row in connection.execute(select(domains).order_by(domains.c.id)):
        found.setdefault(row.app_id, []).append(row.name)
    return found


def put(connection: Connection, app: App | None, names: Sequence[str]) -> None:
    owner = {"app_id": app.id} if app else {}
    if names:
        connection.execute(insert(table_of(app)), [{"name": name, **owner} for name in names])


def drop(connection: Connection, app: App | None, names: Sequence[str] | None) -> None:
    """Forget these names of the app; None: all of them."""
    table = table_of(app)
    statement = delete(table)
    if app:
        statement = statement.where(domains.c.app_id == app.id)
    if names is not None:
        statement = statement.where(table.c.name.in_(names))
    connection.execute(statement)


def flags(connection: Connection, app: App) -> tuple[bool, bool]:
    """Whether the app has its default names, and whether it answers on any."""
    query = select(domain_settings.c.defaults, domain_settings.c.enabled)
    row = connection.execute(query.where(domain_settings.c.app_id == app.id)).first()
    return (row.defaults, row.enabled) if row else (True, True)


def flag(connection: Connection, app: App, **changes: bool) -> None:
    mine = domain_settings.c.app_id == app.id
    if not connection.execute(update(domain_settings).where(mine).values(**changes)).rowcount:
        connection.execute(insert(domain_settings).values(app_id=app.id, **changes))
