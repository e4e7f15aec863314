"""Bridges and container links, through rtnetlink.

Touches: pyroute2, /proc/sys/net. Each function opens its own socket: they are called
from several threads. Source: rtnetlink(7), tc-tbf(8).
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from paas.network import namespaces

NO_SUCH_DEVICE, EXISTS = 19, 17
DEFAULT_MTU = 1500
INSIDE = "eth0"
TBF_LATENCY_S = 0.05
TBF_SMALLEST_BURST = 32 << 10


@dataclass(frozen=True, slots=True)
class Link:
    """One network link of the host; alias is free text that we keep the address in."""

    name: str
    kind: str
    alias: str
    mtu: int


def scan() -> list[Link]:
    """Every link of the host."""
    with IPRoute() as route:
        return [read(message) for message in route.get_links()]


def read(message: Any) -> Link:
    """A link from its netlink message."""
    info = message.get("linkinfo")
    return Link(
        name=message.get("ifname") or "",
        kind=(info.get("kind") if info else "") or "",
        alias=message.get("ifalias") or "",
        mtu=message.get("mtu") or DEFAULT_MTU,
    )


def networks_of_links() -> list[tuple[str, IPv4Interface]]:
    """Every link of the host with each of its addresses."""
    with IPRoute() as route:
        names = {message["index"]: message.get("ifname") or "" for message in route.get_links()}
        return [
            (names.get(message["index"], ""), IPv4Interface((address, message["prefixlen"])))
            for message in route.get_addr(family=socket.AF_INET)
            if (address := message.get("local") or message.get("address"))
        ]


def uplink_mtu() -> int:
    """The MTU of the link with the default route; 1500 without one."""
    with IPRoute() as route:
        defaults = list(route.get_default_routes(family=socket.AF_INET, table=254))
        for entry in sorted(defaults, key=lambda entry: entry.get("priority") or 0):
            if index := entry.get("oif"):
                return read(route.get_links(index)[0]).mtu
    return DEFAULT_MTU


def hardware_address(address: IPv4Address) -> str:
    """The MAC address that goes with an IP address: locally administered, the same each time.

    A bridge left to itself takes the lowest of its ports' and so another one when a port
    comes or goes, and a container at a reused address would have another one than its
    predecessor: either way packets go to the old one, for seconds, until ARP asks again.
    """
    return ":".join(f"{byte:02x}" for byte in b"\x02\x70" + address.packed)


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
    name: str, bridge: str, network_namespace: Path, address: IPv4Address, mtu: int
) -> None:
    """A veth pair: `name` on the bridge, `eth0` in the namespace (still down there)."""
    with IPRoute() as route, network_namespace.open("rb") as file:
        route.link(
            "add",
            ifname=name,
            kind="veth",
            mtu=mtu,
            ifalias=str(address),
            master=route.link_lookup(ifname=bridge)[0],
            state="up",
            peer={
                "ifname": INSIDE,
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
