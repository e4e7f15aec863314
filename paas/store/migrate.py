"""Bring a database to the newest migration. Touches: Alembic, loaded only when there is need."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from paas.errors import PaasError
from paas.store.database import found_version

MIGRATIONS = Path(__file__).with_name("migrations")


def config() -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return made


def knows(revision: str) -> bool:
    """Whether a migration is one of this version of paas."""
    script = ScriptDirectory.from_config(config())
    return revision in {one.revision for one in script.walk_revisions()}


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run what is missing inside the caller's transaction: all of it or nothing."""
    found = found_version(connection)
    if found and not knows(found):
        raise PaasError(
            f"the database is at migration {found}, which this version of paas does not know",
            "it was used by a newer paas: install that version again",
        )
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, to)
