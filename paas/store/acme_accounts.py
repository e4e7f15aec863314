"""Accounts at certificate authorities: who we are there, by server and address."""

from collections.abc import Sequence

from sqlalchemy import Column, PrimaryKeyConstraint, String, Table, Text, delete, insert, select

from paas.model.issuance import Account
from paas.store.database import Database, metadata

acme_accounts = Table(
    "acme_accounts",
    metadata,
    Column("server", String, nullable=False),
    Column("email", String, nullable=False),
    Column("uri", String, nullable=False),
    Column("key", Text, nullable=False),
    PrimaryKeyConstraint("server", "email"),
)


class AcmeAccounts:
    """One for each server and address of ours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, server: str, email: str) -> Account | None:
        """The account, when it was made."""
        query = select(acme_accounts).where(
            (acme_accounts.c.server == server) & (acme_accounts.c.email == email)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return Account(row.server, row.email, row.uri, row.key) if row else None

    def set(self, account: Account) -> None:
        """Keep an account."""
        mine = (acme_accounts.c.server == account.server) & (acme_accounts.c.email == account.email)
        with self._database.write() as connection:
            connection.execute(delete(acme_accounts).where(mine))
            connection.execute(
                insert(acme_accounts).values(
                    server=account.server,
                    email=account.email,
                    uri=account.uri,
                    key=account.key,
                )
            )

    def list(self) -> Sequence[tuple[str, str]]:
        """Server and address of every account."""
        query = select(acme_accounts.c.server, acme_accounts.c.email)
        with self._database.read() as connection:
            return [(row.server, row.email) for row in connection.execute(query)]

    def remove(self, server: str, email: str) -> None:
        """Forget an account."""
        mine = (acme_accounts.c.server == server) & (acme_accounts.c.email == email)
        with self._database.write() as connection:
            connection.execute(delete(acme_accounts).where(mine))
