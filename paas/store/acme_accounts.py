"""Accounts at certificate authorities: who we are there, by server and address."""

from dataclasses import dataclass, field

from sqlalchemy import Column, PrimaryKeyConstraint, String, Table, Text, delete, insert, select

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


@dataclass(frozen=True, slots=True)
class Account:
    """uri: what the authority calls the account; key: its private key, PEM."""

    server: str
    email: str
    uri: str
    key: str = field(repr=False)


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
