"""Copies: good states of an SQLite database, made while it is used, for when it is damaged.

Touches: the database file and <its directory>/copies. A copy is kept only when SQLite finds
no fault in it, and the newest ones stay. Source: sqlite3_backup_init, PRAGMA integrity_check.
"""

import logging
import os
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from paas.errors import PaasError
from paas.model import moments
from paas.store.database import secure

log = logging.getLogger(__name__)

KEPT = 12
# a number first: a clock that was set back makes nothing newer than it is
NAME = re.compile(r"(?P<number>[0-9]{6})-(?P<made>[0-9]{8}T[0-9]{6})Z\.db")
BESIDE = ("", "-wal", "-shm")  # what belongs to a database file
REALIGN = ("git", "realign")  # a property: branches are to be put where the database is
BACK = "put the last good copy back: sudo paasd restore-database"


class Copies:
    """The copies of one database."""

    def __init__(self, database: Path) -> None:
        self.database = database
        self.directory = database.parent / "copies"
        self._copied: object = None

    def found(self) -> list[Path]:
        """Every copy, the oldest first."""
        return sorted(one for one in self.directory.glob("*.db") if NAME.fullmatch(one.name))

    def make(self) -> Path | None:
        """A copy of what is there now; None when nothing changed since the last one.

        Raises PaasError when the database or the disk is at fault; then the older ones stay.
        """
        state = fingerprint(self.database)
        if state == self._copied:
            return None
        secure_directory(self.directory)
        number = 1 + max((int(one.name[:6]) for one in self.found()), default=0)
        target = self.directory / f"{number:06}-{datetime.now(UTC):%Y%m%dT%H%M%S}Z.db"
        draft = target.with_name(f".{target.name}")
        try:
            copy(self.database, draft)
            draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)
        self._copied = state
        for old in self.found()[:-KEPT]:
            old.unlink()
        return target

    def put_back(self) -> tuple[Path, datetime]:
        """The newest good copy in the database's place; where the old file is, how old the copy is.

        While no daemon runs. Branches that are ahead of it are put back by the next one.
        """
        for source in reversed(self.found()):
            if fault(source):
                log.warning("%s is damaged too", source)
                continue
            draft = self.directory / ".putting-back.db"
            shutil.copyfile(source, draft)
            with closing(sqlite3.connect(draft, isolation_level=None)) as opened:
                opened.execute("PRAGMA journal_mode = DELETE")
                opened.execute(
                    "INSERT INTO properties (namespace, key, value) VALUES (?, ?, 'yes') "
                    "ON CONFLICT DO NOTHING",
                    REALIGN,
                )
            sync(draft)
            kept = set_aside(self.database)
            draft.rename(self.database)
            sync(self.database.parent)
            return kept, made_at(source)
        raise PaasError(
            f"there is no good copy of the database in {self.directory}",
            "restore a backup: paas restore, or bin/quickstart --restore",
        )


def fingerprint(database: Path) -> object:
    """Something that is another once the database has changed."""
    found = []
    for suffix in BESIDE[:2]:
        try:
            status = Path(f"{database}{suffix}").stat()
        except FileNotFoundError:
            continue
        found.append((suffix, status.st_mtime_ns, status.st_size))
    return found


def copy(database: Path, target: Path) -> None:
    """Copy a database in use, durably; PaasError when there is a fault in it."""
    secure(target)
    try:
        with (
            closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(target)) as copied,
        ):
            source.backup(copied)
    except sqlite3.DatabaseError as error:
        raise PaasError(f"the database could not be copied: {error}") from error
    if found := fault(target):
        raise PaasError(f"the database {database} is damaged: {found}", BACK)
    sync(target)


def fault(database: Path) -> str:
    """What SQLite finds wrong with a database file; "" when nothing is."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as opened:
            if not opened.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return "there is nothing in it"
            found = str(opened.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        # somebody else's lock is no fault of the file
        return "" if error.sqlite_errorcode == sqlite3.SQLITE_BUSY else str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else found


def set_aside(database: Path) -> Path:
    """Keep a damaged database under another name; that name."""
    number = 1
    while (kept := database.with_name(f"{database.name}.damaged-{number}")).exists():
        number += 1
    for suffix in BESIDE:
        path = Path(f"{database}{suffix}")
        if path.exists():
            path.rename(f"{kept}{suffix}")
    return kept


def made_at(one: Path) -> datetime:
    """When a copy was made, by the clock of then."""
    found = NAME.fullmatch(one.name)
    text = found["made"] if found else "19700101T000000"
    return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def secure_directory(path: Path) -> None:
    path.mkdir(mode=0o700, exist_ok=True)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_damaged(database: Path) -> None:
    """PaasError when a database that was there is gone, empty or damaged; before it is opened.

    Opened empty it would be made anew, and every app would be taken for nobody's.
    """
    copies = Copies(database)
    apps = sorted(one.name.removesuffix(".git") for one in database.parent.glob("repos/*.git"))
    lost = not database.exists() or not database.stat().st_size
    if lost and not apps and not copies.found():
        return  # a new instance
    problem = "it is gone" if not database.exists() else "it is empty" if lost else fault(database)
    if problem:
        newest = copies.found()[-1:]
        words = f" of {moments.second(made_at(newest[0]))} UTC" if newest else ""
        hint = BACK.replace("copy back", f"copy{words} back") if newest else "restore a backup"
        raise PaasError(
            f"the database {database} is damaged: {problem}; apps go on as they are",
            f"{hint}; see docs/reliability.md",
        )
