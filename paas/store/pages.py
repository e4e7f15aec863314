"""Pages: what an app shows in the time of its maintenance, in place of the platform's page."""

import base64
from collections.abc import Mapping

from sqlalchemy import JSON, Column, Connection, String, Table, delete, insert, select

from paas.model.app import App
from paas.model.maintenance import digest_of
from paas.store.database import Database, app_column, metadata

pages = Table(
    "maintenance_pages",
    metadata,
    app_column(primary_key=True),
    Column("digest", String, nullable=False, index=True),
    Column("files", JSON, nullable=False),  # by name, in base64
)


class Pages:
    """Files by app: `maintenance.html` and what it shows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def digest(self, app: App) -> str:
        """What the app's page is called in its route; "" where it has none."""
        if (every := self._database.whole(everything)) is not None:
            return every.get(app.id, "")
        query = select(pages.c.digest).where(pages.c.app_id == app.id)
        with self._database.read() as connection:
            return connection.scalar(query) or ""

    def files(self, digest: str) -> Mapping[str, bytes] | None:
        """The files by the digest."""
        query = select(pages.c.files).where(pages.c.digest == digest)
        with self._database.read() as connection:
            found = connection.scalar(query)
        if found is None:
            return None
        return {name: base64.b64decode(text) for name, text in found.items()}

    def set(self, app: App, files: Mapping[str, bytes] | None) -> None:
        """Make these the app's page; None: the platform's is shown again."""
        with self._database.write() as connection:
            connection.execute(delete(pages).where(pages.c.app_id == app.id))
            if files is not None:
                kept = {name: base64.b64encode(data).decode() for name, data in files.items()}
                row = {"app_id": app.id, "digest": digest_of(files), "files": kept}
                connection.execute(insert(pages).values(row))


def everything(connection: Connection) -> dict[int, str]:
    """The digest of each app that has a page."""
    columns = pages.c.app_id, pages.c.digest
    return {row.app_id: row.digest for row in connection.execute(select(*columns))}
