"""Certificates: what each app shows for its domains, with its key, as long as it has one.

Keys are kept as config vars are: the database is root's alone, and they go with an app into
its archive.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Column, Connection, String, Table, Text, delete, insert, select

from paas.model.app import App
from paas.model.certificate import Certificate
from paas.store.database import Database, Moment, app_column, metadata, now

certificates = Table(
    "certificates",
    metadata,
    app_column(primary_key=True),
    Column("digest", String, nullable=False, index=True),
    Column("origin", String, nullable=False),
    Column("chain", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("added_at", Moment, nullable=False),
)
ADDED, GENERATED, ISSUED = "added", "generated", "letsencrypt"


@dataclass(frozen=True, slots=True)
class Held:
    """An app's certificate; origin says how it came here."""

    certificate: Certificate = field(repr=False)
    origin: str
    added_at: datetime


class Certificates:
    """One or none for each app."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, app: App) -> Held | None:
        """The app's certificate and key."""
        query = select(certificates).where(certificates.c.app_id == app.id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return Held(Certificate(row.chain, row.key), row.origin, row.added_at) if row else None

    def digest(self, app: App) -> str:
        """What the app's certificate is called in its route; "" where it has none."""
        if (every := self._database.whole(everything)) is not None:
            return every.get(app.id, "")
        query = select(certificates.c.digest).where(certificates.c.app_id == app.id)
        with self._database.read() as connection:
            return connection.scalar(query) or ""

    def pem(self, digest: str) -> str | None:
        """Chain and key by the digest."""
        columns = certificates.c.chain, certificates.c.key
        query = select(*columns).where(certificates.c.digest == digest)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return Certificate(row.chain, row.key).pem if row else None

    def set(self, app: App, certificate: Certificate, origin: str) -> None:
        """Make this the app's certificate."""
        with self._database.write() as connection:
            connection.execute(delete(certificates).where(certificates.c.app_id == app.id))
            connection.execute(
                insert(certificates).values(
                    app_id=app.id,
                    digest=certificate.digest,
                    origin=origin,
                    chain=certificate.chain,
                    key=certificate.key,
                    added_at=now(),
                )
            )

    def remove(self, app: App) -> None:
        """Have the app show none."""
        with self._database.write() as connection:
            connection.execute(delete(certificates).where(certificates.c.app_id == app.id))


def everything(connection: Connection) -> dict[int, str]:
    """The digest of each app that has a certificate."""
    columns = certificates.c.app_id, certificates.c.digest
    return {row.app_id: row.digest for row in connection.execute(select(*columns))}
