"""Networks: a bridge for each app, others that apps share, a namespace per container, rules.

Touches: links and nftables tables named after the instance, and
<run_dir>/{userns,netns}. The kernel is the only record: a restarted daemon reads
addresses from the links.
"""

import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

from pyroute2.netlink.exceptions import NetlinkError

from paas.command import Runner
from paas.errors import PaasError
from paas.image import mounts
from paas.model.container import ContainerSpec
from paas.network import firewall, joints, links, names, namespaces, nftables, rules
from paas.network.addresses import Addresses
from paas.network.dns import own_names, world_names
from paas.settings import Settings

log = logging.getLogger(__name__)

CONTAINER_ID = re.compile(r"[a-z0-9]{10}")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
PLATFORM_SLOT = 0  # its bridge carries the name service's address


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where a container is on the network, and the namespaces it is to be started in."""

    address: IPv4Address
    subnet: IPv4Network
    user_namespace: Path
    network_namespace: Path

    @property
    def gateway(self) -> IPv4Address:
        """The bridge's address, the first of the subnet."""
        return self.subnet[1]


class Networks:
    """The networks of one instance. Safe to call from several threads."""

    def __init__(self, settings: Settings, runner: Runner) -> None:
        self.settings = settings
        self.runner = runner
        self.forwarder = world_names(settings, runner)
        self.names = own_names(settings, runner)
        self._lock = threading.RLock()
        self._addresses: dict[int, Addresses] = {}
        self._homes: dict[str, int] = {}  # the slot of each container's own network
        self._mtu = 0
        self._removals = ThreadPoolExecutor(max_workers=1, thread_name_prefix="links")

    # -- the instance ------------------------------------------------------------

    def ensure(self) -> None:
        """Bring up forwarding, the rules, and the name service. Idempotent; repairs.

        Called at start, and now and then: somebody may have flushed the host's rules.
        """
        self._settle()
        with self._lock:
            self._check_pool()
            FORWARDING.write_text("1")
            self._mtu = links.uplink_mtu()
            self._make_bridge(PLATFORM_SLOT)
            self._load()
        firewall.admit(self.settings, self.runner)
        self.forwarder.ensure()
        if names.askers(self.settings):
            self.names.ensure()

    def close(self) -> None:
        """Stop watching and finish what detach began; everything attached goes on."""
        self.forwarder.close()
        self.names.close()
        self._settle()

    def clear(self) -> None:
        """Remove everything of this instance from the kernel. Idempotent."""
        self.forwarder.stop()
        self.names.stop()
        names.path(self.settings).unlink(missing_ok=True)
        for container_id in self.found():
            self.detach(container_id)
        self._settle()
        for slot in self._slots():
            self.remove_app(slot)
        nftables.apply(rules.remove_tables(self.settings))
        firewall.withdraw(self.settings, self.runner)

    def found(self) -> set[str]:
        """Ids of containers that have a link or a network namespace of this instance."""
        self._settle()
        veths = [link for link in links.scan() if link.kind == "veth" and not link.joint]
        ids = {self._container_id(link.name) for link in veths}
        directory = self.settings.run_dir / "netns"
        if directory.is_dir():
            ids |= {entry.name for entry in directory.iterdir()}
        return {container_id for container_id in ids if container_id}

    # -- apps ----------------------------------------------------------------------

    def user_namespace(self, slot: int) -> Path:
        """The pinned user namespace of an app's uid range, made on demand."""
        path = self.settings.run_dir / "userns" / str(slot)
        with self._lock:
            if not namespaces.pinned(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                namespaces.pin_user_namespace(path, self.settings.uids(slot))
        return path

    def remove_app(self, slot: int) -> None:
        """Free an app's bridge and user namespace, its containers being gone. Idempotent."""
        self._settle()
        with self._lock:
            self._remove(slot)

    def _remove(self, slot: int) -> None:
        bridge = self.settings.bridge(slot)
        self._addresses.pop(slot, None)
        links.remove(bridge)
        network = rules.Network(bridge, self.settings.subnet(slot))
        if nftables.exists("inet", self.settings.table_name):
            nftables.apply(rules.remove_network(self.settings, network))
        mounts.unpin(self.settings.run_dir / "userns" / str(slot))

    def slots(self) -> set[int]:
        """Slots that have a bridge or a user namespace, but the platform's own."""
        pinned = self.settings.run_dir / "userns"
        names = [entry.name for entry in pinned.iterdir()] if pinned.is_dir() else []
        found = {*self._slots(), *(int(name) for name in names if name.isdecimal())}
        return found - {PLATFORM_SLOT}

    def remove_idle(self, slot: int) -> bool:
        """Free an app's bridge and user namespace unless a container is on it; whether they went.

        Both are made again when a container needs them.
        """
        self._settle()
        with self._lock:
            if slot in self._addresses and self._addresses[slot].taken:
                return False
            self._remove(slot)
            return True

    # -- containers ------------------------------------------------------------------

    def attach(self, spec: ContainerSpec) -> Attachment:
        """Put a container on its app's network: namespace, link, address, limits.

        Raises PaasError or OSError, leaving nothing behind.
        """
        attachment = self.place(spec)
        try:
            self.connect(spec, attachment)
        except BaseException:
            self.detach(spec.id)
            raise
        return attachment

    def place(self, spec: ContainerSpec) -> Attachment:
        """Give a container its address, and a namespace that leads nowhere yet.

        Raises PaasError or OSError, leaving nothing behind.
        """
        path = self.settings.run_dir / "netns" / spec.id
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock:
                addresses = self._network(spec.slot)
                address = addresses.take(spec.id)
                self._homes[spec.id] = spec.slot
                user_namespace = self.user_namespace(spec.slot)
            namespaces.pin_network_namespace(path, user_namespace)
        except BaseException:
            self.detach(spec.id)
            raise
        return Attachment(address, addresses.subnet, user_namespace, path)

    def connect(self, spec: ContainerSpec, attachment: Attachment) -> None:
        """Have a placed container's namespace lead to its app's network, within its limits.

        Raises PaasError or OSError; what was made is detach's to remove.
        """
        link, path = self.settings.link(spec.id), attachment.network_namespace
        nftables.apply(rules.add_port(self.settings, rules.Port(link, attachment.address)))
        bridge = self.settings.bridge(spec.slot)
        links.make_link(link, bridge, path, attachment.address, self._mtu)
        inside = IPv4Interface((attachment.address, attachment.subnet.prefixlen))
        links.configure_inside(path, inside, attachment.gateway, spec.limits.network_egress_bps)
        if spec.limits.network_ingress_bps:
            links.limit(link, spec.limits.network_ingress_bps)
        for slot in spec.networks:
            self.join(spec, slot)

    # -- networks that apps share ----------------------------------------------------

    def join(self, spec: ContainerSpec, slot: int) -> IPv4Address:
        """Have a container be on a network beside its own; its address there. Idempotent.

        It runs or is about to: its namespace is there. Raises PaasError or OSError, leaving
        nothing behind.
        """
        with self._lock:
            addresses = self._network(slot)
            if (present := addresses.taken.get(spec.id)) is not None:
                return present
            address = addresses.take(spec.id)
        joint = joints.Joint(spec.id, slot, address, addresses.subnet)
        try:
            joints.make(self.settings, joint, spec.limits, self._mtu)
        except NetlinkError as error:
            self.leave(spec.id, slot)
            raise PaasError(f"the kernel refused the link: {error}") from error
        except BaseException:
            self.leave(spec.id, slot)
            raise
        return address

    def leave(self, container_id: str, slot: int) -> None:
        """Have a container be on a network no more. Idempotent."""
        with self._lock:
            addresses = self._addresses.get(slot)
            address = addresses.taken.get(container_id) if addresses else None
        if addresses is None or address is None:
            return
        joints.remove(self.settings, container_id, slot, address)
        with self._lock:  # only now: whoever reads the links meanwhile finds it taken
            addresses.free(container_id)

    def joined(self, container_id: str) -> dict[int, IPv4Address]:
        """The networks that a container is on beside its own, and its address on each."""
        with self._lock:
            home = self._homes.get(container_id)
            return {
                slot: addresses.taken[container_id]
                for slot, addresses in self._addresses.items()
                if slot != home and container_id in addresses.taken
            }

    def members(self, slot: int) -> list[str]:
        """Containers on a network."""
        with self._lock:
            addresses = self._addresses.get(slot)
            return list(addresses.taken) if addresses else []

    def tell_names(self, table: names.Names) -> None:
        """Have these names be found by those who may, from now on."""
        if names.write(self.settings, table):
            with self._lock:
                nftables.apply("\n".join(rules.name(self.settings, self._named())))
        if table.askers:
            self.names.ensure()
        else:
            self.names.stop()

    def _named(self) -> list[str]:
        """Bridges whose containers ask for our own names, and which are there."""
        return [
            self.settings.bridge(slot)
            for slot in names.askers(self.settings)
            if slot in self._addresses
        ]

    def detach(self, container_id: str) -> None:
        """Free a container's link, namespace and address. Idempotent.

        Its namespace goes at once. The kernel takes tens of milliseconds to delete the
        link, which nobody but found, remove_app and clear waits for.
        """
        mounts.unpin(self.settings.run_dir / "netns" / container_id)
        self._removals.submit(self._remove_link, container_id)

    def _remove_link(self, container_id: str) -> None:
        for slot in self.joined(container_id):
            self.leave(container_id, slot)
        link = self.settings.link(container_id)
        try:
            links.remove(link)
        except NetlinkError:
            log.exception("link %s stays for now", link)
        with self._lock:
            self._homes.pop(container_id, None)
            freed = [addresses.free(container_id) for addresses in self._addresses.values()]
        for address in filter(None, freed):
            nftables.apply(rules.remove_port(self.settings, rules.Port(link, address)))

    def _settle(self) -> None:
        """Wait until every link that detach let go is gone."""
        self._removals.submit(lambda: None).result()

    # -- what the kernel knows -----------------------------------------------------

    def _check_pool(self) -> None:
        """Refuse an address pool that somebody else on this machine uses already."""
        pool = IPv4Network(self.settings.subnet_pool)
        ours = self.settings.bridge(0).removesuffix("0")
        for name, address in links.networks_of_links():
            if address.ip in pool and not name.startswith(ours):
                raise PaasError(
                    f"the address pool {pool} meets {address} of the link {name}",
                    "choose another subnet_pool in the settings",
                )

    def _network(self, slot: int) -> Addresses:
        """The addresses of an app's network, its bridge made if it is new."""
        if not self._mtu:
            self.ensure()
        if slot not in self._addresses:
            self._make_bridge(slot)
            network = rules.Network(self.settings.bridge(slot), self.settings.subnet(slot))
            nftables.apply(rules.add_network(self.settings, network))
            self._addresses[slot] = Addresses(network.subnet)
            if slot in names.askers(self.settings):
                nftables.apply("\n".join(rules.name(self.settings, self._named())))
        return self._addresses[slot]

    def _make_bridge(self, slot: int) -> None:
        subnet = self.settings.subnet(slot)
        gateway = IPv4Interface((subnet[1], subnet.prefixlen))
        links.make_bridge(self.settings.bridge(slot), gateway, self._mtu)

    def _load(self) -> None:
        """Read bridges and addresses from the kernel, and put them all under the rules."""
        present = links.scan()
        slots = self._slots(present)
        for slot in slots:
            self._addresses.setdefault(slot, Addresses(self.settings.subnet(slot)))
        for link in present:
            if not link.joint and (container_id := self._container_id(link.name)):
                self._take(link, container_id)
        self._load_joints([link for link in present if link.joint])
        # of those just being attached too, whose link is not there yet
        ports = [
            rules.Port(self._link(container_id, slot), address)
            for slot, addresses in self._addresses.items()
            for container_id, address in addresses.taken.items()
        ]
        networks = [
            rules.Network(self.settings.bridge(slot), self.settings.subnet(slot)) for slot in slots
        ]
        nftables.apply(rules.ruleset(self.settings, networks, ports, self._named()))

    def _load_joints(self, present: list[links.Link]) -> None:
        """Read who is on which shared network; a link of nobody goes."""
        owners = {
            joints.link_name(self.settings, container_id, slot): (container_id, slot)
            for container_id in self._homes
            for slot in self._addresses
        }
        for link in present:
            if not link.name.startswith(self.settings.name):
                continue
            if (owner := owners.get(link.name)) and link.container:
                container_id, slot = owner
                self._addresses[slot].taken[container_id] = link.container
            elif CONTAINER_ID.fullmatch(link.name.removeprefix(self.settings.name)):
                links.remove(link.name)

    def _take(self, link: links.Link, container_id: str) -> None:
        """Know a container's own address by its link."""
        for slot, addresses in self._addresses.items():
            if link.container and link.container in addresses.subnet:
                addresses.taken[container_id] = link.container
                self._homes[container_id] = slot

    def _link(self, container_id: str, slot: int) -> str:
        """The host end of a container's link to a network, its own or another."""
        if self._homes.get(container_id) == slot:
            return self.settings.link(container_id)
        return joints.link_name(self.settings, container_id, slot)

    def _slots(self, present: list[links.Link] | None = None) -> list[int]:
        """Slots that have a bridge."""
        prefix = self.settings.bridge(0).removesuffix("0")
        bridges = [link.name for link in present or links.scan() if link.kind == "bridge"]
        suffixes = [name.removeprefix(prefix) for name in bridges if name.startswith(prefix)]
        return sorted(int(suffix) for suffix in suffixes if suffix.isdecimal())

    def _container_id(self, link: str) -> str:
        """The container whose link this is; "" when it is none of ours."""
        container_id = link.removeprefix(self.settings.name)
        ours = link.startswith(self.settings.name) and CONTAINER_ID.fullmatch(container_id)
        return container_id if ours else ""
