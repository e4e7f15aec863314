"""Plugins: which are installed, from where, at which revision, and whether they are enabled."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Boolean, Column, Integer, String, Table, delete, insert, select, update

from paas.model.plugin import OwnCommand, Plugin, Source, SourceKind
from paas.store.database import Database, Moment, metadata, now

plugins = Table(
    "plugins",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("address", String, nullable=False),
    Column("committish", String, nullable=False),
    Column("revision", String, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("installed_at", Moment, nullable=False),
    Column("commands", String, nullable=False),
    # a plugin's user is made of its id: no other plugin ever gets it
    sqlite_autoincrement=True,
)


class Plugins:
    """Installed plugins by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> list[Plugin]:
        """All of them, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(plugins).order_by(plugins.c.name)).all()
        return [plugin_of(row) for row in rows]

    def find(self, name: str) -> Plugin | None:
        """The one of that name, None when it is not installed."""
        with self._database.read() as connection:
            row = connection.execute(select(plugins).where(plugins.c.name == name)).first()
        return plugin_of(row) if row else None

    def add(self, name: str, source: Source, revision: str) -> Plugin:
        """A new one; it is not enabled yet."""
        values = {
            "name": name,
            **asdict(source),
            "revision": revision,
            "enabled": False,
            "installed_at": now(),
            "commands": "[]",
        }
        with self._database.write() as connection:
            added = insert(plugins).values(values).returning(*plugins.c)
            return plugin_of(connection.execute(added).one())

    def move(self, plugin: Plugin, source: Source, revision: str) -> None:
        """Another revision of it is in use."""
        self._change(plugin, {**asdict(source), "revision": revision})

    def enable(self, plugin: Plugin, *, enabled: bool) -> None:
        """Whether it is called."""
        self._change(plugin, {"enabled": enabled})

    def set_commands(self, plugin: Plugin, commands: Sequence[OwnCommand]) -> None:
        """The commands that it brings."""
        self._change(plugin, {"commands": json.dumps([asdict(one) for one in commands])})

    def remove(self, plugin: Plugin) -> None:
        """It is installed no more."""
        with self._database.write() as connection:
            connection.execute(delete(plugins).where(plugins.c.id == plugin.id))

    def _change(self, plugin: Plugin, values: dict[str, Any]) -> None:
        with self._database.write() as connection:
            connection.execute(update(plugins).where(plugins.c.id == plugin.id).values(values))


def plugin_of(row: Any) -> Plugin:
    return Plugin(
        row.id,
        row.name,
        Source(SourceKind(row.kind), row.address, row.committish),
        row.revision,
        row.enabled,
        row.installed_at,
        tuple(OwnCommand(**one) for one in json.loads(row.commands)),
    )
