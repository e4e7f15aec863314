"""The database's rows about apps, read past the daemon and the store."""

import json
import sqlite3
from dataclasses import dataclass

from paas.settings import Settings


@dataclass(frozen=True)
class Release:
    version: int
    status: str
    current: bool
    description: str
    commit: str
    layers: frozenset[str]

    @property
    def pushed(self) -> bool:
        """Whether a push made it, not a rollback or a change of config."""
        return self.description.startswith("Deploy ")


@dataclass(frozen=True)
class AppRow:
    """One app as the database has it."""

    id: int
    name: str
    slot: int
    stopped: bool
    in_service: tuple[str, ...]
    counts: dict[str, int]
    releases: tuple[Release, ...]
    marks: tuple[str, ...]
    config: dict[str, str]
    own_domains: tuple[str, ...]

    @property
    def current(self) -> Release | None:
        return next((one for one in self.releases if one.current), None)

    @property
    def wanted(self) -> int:
        """How many containers should be in service; the small apps have web processes alone."""
        return 0 if self.stopped or self.current is None else self.counts.get("web", 1)

    def domains(self, suffix: str) -> set[str]:
        return {*self.own_domains, f"{self.name}.{suffix}"}


def read_apps(settings: Settings) -> list[AppRow]:
    database = sqlite3.connect(f"file:{settings.state_dir}/paas.db?mode=ro", uri=True, timeout=30)
    try:
        database.execute("BEGIN")  # one moment
        rows = database.execute("SELECT id, name, slot, stopped FROM apps ORDER BY id").fetchall()
        return [read_app(database, *row) for row in rows]
    finally:
        database.close()


def read_app(database: sqlite3.Connection, id_: int, name: str, slot: int, stopped: int) -> AppRow:
    def pairs(query: str, *more: str) -> dict[str, str]:
        return dict(database.execute(query, (id_, *more)))

    properties = "SELECT key, value FROM properties WHERE app_id = ? AND namespace = ?"
    service = pairs(properties, "ps").get("in-service", "[]")
    marks = [*pairs(properties, "apps"), *(pairs(properties, "git").keys() & {"landing"})]
    counts = pairs("SELECT process_type, count FROM formation WHERE app_id = ?")
    query = "SELECT version, status, current, description, image FROM releases WHERE app_id = ?"
    releases = [release(*row) for row in database.execute(query, (id_,))]
    domains = database.execute("SELECT name FROM domains WHERE app_id = ?", (id_,))
    return AppRow(
        id_,
        name,
        slot,
        bool(stopped),
        tuple(json.loads(service)),
        {process: int(count) for process, count in counts.items()},
        tuple(releases),
        tuple(marks),
        pairs("SELECT key, value FROM config WHERE app_id = ?"),
        tuple(one for (one,) in domains),
    )


def release(version: int, status: str, current: int, description: str, image: str) -> Release:
    values = json.loads(image)
    layers = frozenset(layer["id"] for layer in values["layers"])
    return Release(version, status, bool(current), description, values["commit"], layers)
