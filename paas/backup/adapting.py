"""Adapting: rows of another instance as they shall be in this one. Reads this one's store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from paas.backup.plan import Layers, Wanted
from paas.deploy import arriving, ending, fleet, front, hold, landing, letsencrypt, moving, order
from paas.deploy.policies import ALL_PROCESSES
from paas.model.app import App
from paas.model.check import Mode
from paas.model.names import LABEL
from paas.platform import Platform
from paas.store.database import now
from paas.store.intake import Row

# what says how things stood on another machine, and not how they should
PASSING = frozenset(
    {
        *(ending.MARK, arriving.MARK, arriving.RISING),
        *(moving.MARK, landing.MARK, fleet.IN_SERVICE),
    }
)
LISTS_OF_PROCESSES = frozenset(("checks", str(mode)) for mode in (Mode.DISABLED, Mode.SKIPPED))
# kept by commands of their own
STATES = frozenset({hold.HELD, front.GUARDED, front.MAINTAINED, letsencrypt.ACTIVE})
PASSING_GLOBAL = frozenset({"restore", "backup-runs"})


@dataclass(slots=True)
class Adapting:
    """Makes rows fit. apps: those that come, by their id there; told: what does not come."""

    platform: Platform
    layers: Layers
    apps: Mapping[int, App]
    wanted: Wanted
    told: list[str] = field(default_factory=list)
    _network_slots: set[int] = field(default_factory=set)

    def row(self, table: str, row: Row) -> Row | None:
        """A row as it shall be here; None: it is left out."""
        adapt = ADAPTERS.get(table)
        return row if adapt is None else adapt(self, row)

    def property(self, row: Row) -> Row | None:
        key = (row["namespace"], row["key"])
        if row["app_id"] is None:
            return None if row["namespace"] in PASSING_GLOBAL else row
        if key in PASSING:
            return None
        if key == order.START_AFTER:
            known = {there: app.id for there, app in self.apps.items()}
            return {**row, "value": order.renumbered(row["value"], known)}
        sense = True if self.wanted.whole else self._makes_sense(*key, row["value"])
        if sense is False:
            self.told.append(f"{row['namespace']} {row['key']} is not set: it makes no sense here")
        return row if sense else None

    def _makes_sense(self, namespace: str, key: str, value: str) -> bool | None:
        """Whether an app could have been given this property; None: it is remembered anew."""
        if (namespace, key) in STATES:
            return True
        if (namespace, key) in LISTS_OF_PROCESSES:
            return all(one == ALL_PROCESSES or LABEL.fullmatch(one) for one in value.split(","))
        return self.wanted.accepts(namespace, key, value)

    def release(self, row: Row) -> Row:
        status = "failed" if row["status"] == "pending" else row["status"]
        return {**row, "status": status, "image": self.layers.image(row["image"])}

    def job(self, row: Row) -> Row:
        """What was missed elsewhere is not made up for here."""
        return {**row, "handled_until": now()}

    def build(self, row: Row) -> Row:
        status = "failed" if row["status"] == "running" else row["status"]
        return {**row, "status": status}

    def image(self, row: Row) -> Row:
        return {**row, "image": self.layers.image(row["image"])}

    def release_layer(self, row: Row) -> Row:
        layer = self.layers.known.get(row["layer_id"])
        return {**row, "layer_id": layer.id if layer else row["layer_id"]}

    def domain(self, row: Row) -> Row | None:
        """A domain that leads to another app here stays with that one."""
        holder = self.platform.store.domains.owner(row["name"])
        mine = {app.name for app in self.apps.values()}
        if holder is None or holder in mine:
            return row
        self.told.append(f"domain {row['name']} stays with app {holder}")
        return None

    def redirect(self, row: Row) -> Row | None:
        """The same of a name that only sends on."""
        return None if self.domain({"name": row["source"]}) is None else row

    def key(self, row: Row) -> Row | None:
        """Keys are added to those that may come in already."""
        here = self.platform.store.keys.list()
        if row["fingerprint"] in {one.fingerprint for one in here}:
            return None
        names = {one.name for one in here}
        name, number = row["name"], 2
        while name in names:
            name, number = f"{row['name'][:60]}-{number}", number + 1
        return {**row, "name": name}

    def plugin(self, row: Row) -> Row:
        """Whose code runs here is root's to say: without it, none is called."""
        if self.wanted.of_root:
            return row
        self.told.append(f"plugin {row['name']} comes without its files: paas plugin:update "
                         f"{row['name']} and plugin:enable, by root on the server")  # fmt: skip
        return {**row, "enabled": False}

    def login(self, row: Row) -> Row | None:
        """A password that was sealed with another instance's key cannot be opened here."""
        if self.wanted.whole:
            return row
        self.told.append(f"the login at {row['server']} does not come: registry:login again")
        return None

    def network(self, row: Row) -> Row | None:
        """A network gets another subnet where this instance has no such one."""
        taken = {app.slot for app in self.apps.values()} | self._network_slots
        slots = self.platform.settings.slots
        wanted = [row["slot"]] if row["slot"] <= slots else []
        places = (*wanted, *range(slots, 0, -1))
        slot = next((place for place in places if place not in taken), None)
        if slot is None:
            self.told.append(f"network {row['name']} does not come: there is no room for it")
            return None
        self._network_slots.add(slot)
        return {**row, "slot": slot}

    def mount(self, row: Row) -> Row | None:
        """Which volumes an app sees here is for somebody here to say."""
        if self.wanted.whole:
            return row
        self.told.append(f"{row['path']} is not mounted: storage:mount the volume it shall have")
        return None

    def stack(self, row: Row) -> None:
        """Stacks are made where they are used: their layers are no part of an archive."""
        if row["current"]:
            self.told.append(f"the stack {row['name']} does not come: paas stack:update makes it")

    def secret(self, row: Row) -> Row | None:
        """As a password is, what was sealed with another instance's key is of no use here."""
        if self.wanted.whole:
            return row
        self.told.append(
            f"the secret {row['key']} of {row['namespace']} does not come: set it again"
        )
        return None


def left_out(_adapting: Adapting, _row: Row) -> None:
    """What was remembered of processes on another machine says nothing here."""


ADAPTERS: Mapping[str, Callable[[Any, Row], Row | None]] = {
    "properties": Adapting.property,
    "releases": Adapting.release,
    "builds": Adapting.build,
    "release_layers": Adapting.release_layer,
    "named_images": Adapting.image,
    "networks": Adapting.network,
    "plugins": Adapting.plugin,
    "domains": Adapting.domain,
    "redirects": Adapting.redirect,
    "keys": Adapting.key,
    "registry_logins": Adapting.login,
    "volume_mounts": Adapting.mount,
    "secrets": Adapting.secret,
    "stacks": Adapting.stack,
    "process_states": left_out,
    "jobs": Adapting.job,
    "job_runs": left_out,
}
