"""What a database that fails means to whoever asked. Pure."""

import sqlite3

from sqlalchemy.exc import DatabaseError

from paas.errors import PaasError

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
FULL = (sqlite3.SQLITE_FULL,)


def explained(error: DatabaseError | sqlite3.DatabaseError, place: str) -> PaasError:
    """The failure in a sentence, and what to do. place: where the database is, without secrets."""
    cause = error.orig if isinstance(error, DatabaseError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    primary = code & 0xFF if code is not None else None  # sqlite.org/rescode.html
    if primary in DAMAGED:
        return PaasError(
            f"the database {place} is damaged: {cause}",
            "stop the daemon, then put the last good copy back: sudo paasd restore-database",
        )
    if primary in LOCKED:
        return PaasError(
            f"the database {place} is locked by another program",
            "find it with fuser -v and the file's name; once it lets go, do this again",
        )
    if primary in FULL:
        return PaasError(f"the disk is full ({place})", "free some space, then do it again")
    return PaasError(
        f"the database {place} failed: {cause}",
        "check the disk's space and health; paas doctor tells more",
    )
