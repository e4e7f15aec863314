"""Keys: the SSH public keys that may come in, and what each may do."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Integer, String, Table, delete, insert, or_, select
from sqlalchemy.exc import IntegrityError

from paas.errors import PaasError
from paas.model.caller import Role
from paas.model.key import Key, parse
from paas.store.database import Database, Moment, metadata, now

keys = Table(
    "keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("type", String, nullable=False),
    Column("blob", String, nullable=False),
    Column("fingerprint", String, nullable=False, unique=True),
    Column("comment", String, nullable=False),
    Column("roles", String, nullable=False),  # separated by commas
    Column("created_at", Moment, nullable=False),
)


class Keys:
    """Keys by name and by fingerprint (`SHA256:...`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, public_key: str, roles: Iterable[Role] = (Role.ADMIN,)) -> Key:
        """Let a key in. public_key is a line of an authorized_keys file without options.

        Raises UsageError for what is no good key, PaasError when the name or the key
        is there already.
        """
        public = parse(public_key)
        granted = frozenset(roles)
        key = Key(
            name, public.type, public.blob, public.fingerprint, public.comment, granted, now()
        )
        row = {
            "name": name,
            "type": key.type,
            "blob": key.blob,
            "fingerprint": key.fingerprint,
            "comment": key.comment,
            "roles": ",".join(sorted(granted)),
            "created_at": key.created_at,
        }
        try:
            with self._database.write() as connection:
                connection.execute(insert(keys).values(**row))
        except IntegrityError as error:
            raise self._clash(key) from error
        return key

    def _clash(self, key: Key) -> PaasError:
        same = self.find(key.fingerprint)
        if same is not None:
            return PaasError(f"this key is there already, as {same.name}")
        return PaasError(f"a key named {key.name} is there already", "choose another name")

    def list(self) -> list[Key]:
        """Every key, by name."""
        with self._database.read() as connection:
            return [value(row) for row in connection.execute(select(keys).order_by(keys.c.name))]

    def find(self, fingerprint: str) -> Key | None:
        """The key of that fingerprint, if it may come in."""
        with self._database.read() as connection:
            row = connection.execute(select(keys).where(keys.c.fingerprint == fingerprint)).first()
        return value(row) if row else None

    def remove(self, wanted: str) -> None:
        """Shut out the key of that name or fingerprint; PaasError when there is none."""
        where = or_(keys.c.name == wanted, keys.c.fingerprint == wanted)
        with self._database.write() as connection:
            removed = connection.execute(delete(keys).where(where)).rowcount
        if not removed:
            raise PaasError(f"there is no key {wanted}", "see which there are with ssh-keys:list")


def value(row: Any) -> Key:
    roles = frozenset(Role(role) for role in row.roles.split(",") if role)
    return Key(row.name, row.type, row.blob, row.fingerprint, row.comment, roles, row.created_at)
