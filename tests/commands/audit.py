"""Audit: whoever changes what is kept leaves an event (sqlite's PRAGMA data_version tells)."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from paas.platform import Platform


@contextmanager
def audited(platform: Platform, what: str) -> Iterator[None]:
    """Fail when the block changed the database and no event tells of it."""
    with closing(sqlite3.connect(platform.settings.state_dir / "paas.db")) as database:
        before, newest = version(database), platform.store.events.newest()
        yield
        if version(database) != before and platform.store.events.newest() == newest:
            raise AssertionError(f"{what} changed something and left no event")


def version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA data_version").fetchone()[0])
