"""Bridges and container links, through rtnetlink.

Touches: pyroute2, /proc/sys/net. Each function opens its own socket: they are called
from several threads. Source: rtnetlink(7), tc-tbf(8).
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from paas.network import dump, namespaces
from paas.network.addresses import hardware_address, written

NO_SUCH_DEVICE, EXISTS = 19, 17
DEFAULT_MTU = 1500
INSIDE = "eth0"
# the first two bytes of the MAC addresses of our links' host ends; the IP address follows
PORT_PREFIX, JOINT_PREFIX = b"\x02\x71", b"\x02\x72"
LINK_ADDRESS, LINK_NAME, LINK_INFORMATION = 1, 3, 18  # IFLA_*
KIND = 1  # IFLA_INFO_KIND
PEER, LOCAL = 1, 2  # IFA_ADDRESS, IFA_LOCAL
ADDRESS = struct.Struct("=xBxxI")  # of ifaddrmsg: prefix length and link
TBF_LATENCY_S = 0.05
TBF_SMALLEST_BURST = 32 << 10


@dataclass(frozen=True, slots=True)
class Link:
    """One network link of the host.

    container: the address of the container behind it, where the link is one of ours.
    joint: whether it leads to a network that the container shares with other apps.
    """

    name: str
    kind: str
    container: IPv4Address | None
    joint: bool = False


def scan() -> list[Link]:
    """Every link of the host."""
    return [read(entry) for entry in dump.links()]


def read(entry: dump.Entry) -> Link:
    """A link from its entry."""
    information = dump.attributes(entry.attributes.get(LINK_INFORMATION, b""))
    kind = information.get(KIND, b"").rstrip(b"\0").decode(errors="replace")
    hardware = entry.attributes.get(LINK_ADDRESS, b"")
    joint = hardware[:2] == JOINT_PREFIX
    return Link(entry.text(LINK_NAME), kind, behind(hardware), joint)


def networks_of_links() -> list[tuple[str, IPv4Interface]]:
    """Every link of the host with each of its addresses."""
    # not if_nameindex(3), which misses some while others come and go
    names = {entry.number: entry.text(LINK_NAME) for entry in dump.links()}
    return [
        (names.get(index, ""), IPv4Interface((address, prefix)))
        for entry in dump.addresses()
        for prefix, index in [ADDRESS.unpack(entry.header)]
        if (address := entry.attributes.get(LOCAL) or entry.attributes.get(PEER))
    ]


def uplink_mtu() -> int:
    """The MTU of the link with the default route; 1500 without one."""
    with IPRoute() as route:
        defaults = list(route.get_default_routes(family=socket.AF_INET, table=254))
        for entry in sorted(defaults, key=lambda entry: entry.get("priority") or 0):
            if index := entry.get("oif"):
                return route.get_links(index)[0].get("mtu") or DEFAULT_MTU
    return DEFAULT_MTU


def port_hardware_address(address: IPv4Address, *, joint: bool = False) -> str:
    """The MAC address of the host end of a container's link: it says whose link it is.

    The kernel takes it as it makes the link, unlike an alias, and keeps it for us: a
    restarted daemon reads from it which addresses are taken.
    """
    return written((JOINT_PREFIX if joint else PORT_PREFIX) + address.packed)


def behind(hardware: bytes) -> IPv4Address | None:
    """The container's address that the MAC address of its link's host end says."""
    ours = len(hardware) == 6 and hardware[:2] in (PORT_PREFIX, JOINT_PREFIX)
    return IPv4Address(hardware[2:]) if ours else None


def make_bridge(name: str, gateway: IPv4Interface, mtu: int) -> None:
    """A bridge that is up and has the gateway's address. Idempotent."""
    hardware = hardware_address(gateway.ip)
    with IPRoute() as route:
        with ignoring(EXISTS):
            route.link(
                "add", ifname=name, kind="bridge", mtu=mtu, br_mcast_snooping=0, address=hardware
            )
        no_ipv6(name)
        index = route.link_lookup(ifname=name)[0]
        with ignoring(EXISTS):
            route.addr(
                "add", index=index, address=str(gateway.ip), prefixlen=gateway.network.prefixlen
            )
        route.link("set", index=index, address=hardware, state="up")


def make_link(
    name: str,
    bridge: str,
    network_namespace: Path,
    address: IPv4Address,
    mtu: int,
    inside: str = INSIDE,
) -> None:
    """A veth pair: `name` on the bridge, `eth0` in the namespace (still down there).

    inside: another name there, for a network that the container joins beside its own.
    """
    with IPRoute() as route, network_namespace.open("rb") as file:
        route.link(
            "add",
            ifname=name,
            kind="veth",
            mtu=mtu,
            address=port_hardware_address(address, joint=inside != INSIDE),
            master=route.link_lookup(ifname=bridge)[0],
            state="up",
            peer={
                "ifname": inside,
                "net_ns_fd": file.fileno(),
                "mtu": mtu,
                "address": hardware_address(address),
            },
        )
    no_ipv6(name)


def configure_inside(
    network_namespace: Path, address: IPv4Interface, gateway: IPv4Address, egress_bps: int | None
) -> None:
    """Bring lo and eth0 up in the namespace: address, default route, limit; no IPv6."""

    def configure() -> None:
        no_ipv6("all")
        with IPRoute() as route:
            index = route.link_lookup(ifname=INSIDE)[0]
            route.link("set", index=1, state="up")
            route.addr(
                "add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen
            )
            route.link("set", index=index, state="up")
            route.route("add", dst="default", gateway=str(gateway))
            if egress_bps:
                shape(route, index, egress_bps)

    namespaces.inside(network_namespace, configure)


def configure_joint(
    network_namespace: Path, name: str, address: IPv4Interface, egress_bps: int | None
) -> None:
    """Bring a link to a network that was joined up in the namespace; nothing is routed there."""

    def configure() -> None:
        no_ipv6(name)
        with IPRoute() as route:
            index = route.link_lookup(ifname=name)[0]
            route.addr(
                "add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen
            )
            route.link("set", index=index, state="up")
            if egress_bps:
                shape(route, index, egress_bps)

    namespaces.inside(network_namespace, configure)


def limit(name: str, rate_bps: int) -> None:
    """Let a host link send (into its container) at most rate_bps bytes a second."""
    with IPRoute() as route:
        shape(route, route.link_lookup(ifname=name)[0], rate_bps)


def shape(route: IPRoute, index: int, rate_bps: int) -> None:
    """A token bucket on what a link sends."""
    burst = max(TBF_SMALLEST_BURST, rate_bps // 100)
    route.tc(
        "replace",
        "tbf",
        index,
        0x10000,
        parent=0xFFFFFFFF,
        rate=rate_bps,
        burst=burst,
        limit=burst + int(rate_bps * TBF_LATENCY_S),
    )


def remove(name: str) -> None:
    """Delete a link. Idempotent."""
    with IPRoute() as route, ignoring(NO_SUCH_DEVICE):
        route.link("del", ifname=name)


def no_ipv6(name: str) -> None:
    """Switch IPv6 off on a link of the calling thread's namespace, where the kernel has it."""
    with suppress(FileNotFoundError):
        Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")


@contextmanager
def ignoring(code: int) -> Iterator[None]:
    """Pass over one netlink error."""
    try:
        yield
    except NetlinkError as error:
        if error.code != code:
            raise
