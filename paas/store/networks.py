"""Networks that apps share: each has a slot, as apps have, and with it a bridge and a subnet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Integer, String, Table, delete, insert, select

from paas.errors import PaasError
from paas.model.names import network_name
from paas.store.database import Database, Moment, metadata, now

networks = Table(
    "networks",
    metadata,
    Column("name", String, primary_key=True),
    Column("slot", Integer, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
)


@dataclass(frozen=True, slots=True)
class SharedNetwork:
    """One network, by the name that was given to it."""

    name: str
    slot: int
    created_at: datetime


class SharedNetworks:
    """The table of networks. Apps have slots from the first one on, networks from the last."""

    def __init__(self, database: Database, slots: int) -> None:
        self._database = database
        self._slots = slots

    def create(self, name: str) -> SharedNetwork:
        """A new network; PaasError when the name is taken or there is no room."""
        network_name(name)
        with self._database.write() as connection:
            if self.find(name) is not None:
                raise PaasError(f"network {name} exists already", "choose another name")
            row = {"name": name, "slot": free_slot(connection, self._slots), "created_at": now()}
            connection.execute(insert(networks).values(**row))
        return self.get(name)

    def find(self, name: str) -> SharedNetwork | None:
        """The network of that name; None when there is none."""
        return next((one for one in self.list() if one.name == name), None)

    def get(self, name: str) -> SharedNetwork:
        """The network of that name, or PaasError."""
        found = self.find(name)
        if found is None:
            raise PaasError(
                f"network {name} does not exist", f"make it first: network:create {name}"
            )
        return found

    def list(self) -> Sequence[SharedNetwork]:
        """Every network, by name."""
        if (every := self._database.whole(everything)) is not None:
            return every
        with self._database.read() as connection:
            return everything(connection)

    def remove(self, name: str) -> None:
        """Forget a network."""
        with self._database.write() as connection:
            connection.execute(delete(networks).where(networks.c.name == name))


def everything(connection: Connection) -> Sequence[SharedNetwork]:
    query = select(networks).order_by(networks.c.name)
    return [SharedNetwork(*row) for row in connection.execute(query)]


def free_slot(connection: Connection, slots: int) -> int:
    """The last slot that neither an app nor a network has."""
    tables = (metadata.tables["apps"], networks)
    used = {slot for table in tables for slot in connection.scalars(select(table.c.slot))}
    for slot in range(slots, 0, -1):
        if slot not in used:
            return slot
    raise PaasError(
        f"there is no room for another network: all {slots} are in use",
        "destroy an app or a network, or choose a larger subnet_pool or a longer subnet_prefix",
    )
