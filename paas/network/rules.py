"""What containers may reach, as nftables text. Pure.

Two tables of one name. The one in family inet decides between networks, the host and
the world; the one in family bridge ties each container's port to its own address.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from paas.network.addresses import hardware_address
from paas.settings import Settings


@dataclass(frozen=True, slots=True)
class Network:
    """One app's bridge and its subnet."""

    bridge: str
    subnet: IPv4Network


@dataclass(frozen=True, slots=True)
class Port:
    """The host end of a container's link and the only address it may speak from."""

    link: str
    address: IPv4Address


RULES = """
table inet {table} {{
  set bridges {{ type ifname; }}
  set same {{ type ifname . ifname; }}
  set subnets {{ type ifname . ipv4_addr; flags interval; }}
  set named {{ type ifname; }}
  set denied {{ type ipv4_addr; flags interval; auto-merge; elements = {{ {denied} }}; }}

  chain input {{
    type filter hook input priority filter; policy accept;
    iifname @bridges jump to_host
  }}
  chain to_host {{
    meta nfproto ipv6 drop
    iifname . ip saddr != @subnets drop
    ct state established,related accept
    ip daddr {dns} udp dport {{ 53, {names_port} }} accept
    ip daddr {dns} tcp dport {{ 53, {names_port} }} accept
    reject with icmpx type admin-prohibited
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname @bridges jump from_containers
    oifname @bridges jump to_containers
  }}
  chain from_containers {{
    meta nfproto ipv6 drop
    iifname . ip saddr != @subnets drop
    iifname . oifname @same accept
    oifname @bridges reject with icmpx type admin-prohibited
    ip daddr @denied reject with icmpx type admin-prohibited
    accept
  }}
  chain to_containers {{
    iifname @bridges accept
    ct state established,related accept
    drop
  }}
  chain prerouting {{
    type nat hook prerouting priority dstnat; policy accept;
    iifname @named ip daddr {dns} udp dport 53 dnat ip to {dns}:{names_port}
    iifname @named ip daddr {dns} tcp dport 53 dnat ip to {dns}:{names_port}
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {pool} oifname != @bridges masquerade
  }}
}}
table bridge {table} {{
  set links {{ type ifname; }}
  set stations {{ type ifname . ether_addr; }}
  set sources {{ type ifname . ipv4_addr; }}

  chain prerouting {{
    type filter hook prerouting priority -200; policy accept;
    iifname @links jump own_address_only
  }}
  chain own_address_only {{
    iifname . ether saddr != @stations drop
    ether type ip iifname . ip saddr @sources accept
    ether type arp iifname . arp saddr ip @sources accept
    drop
  }}
}}
"""


def ruleset(
    settings: Settings,
    networks: Iterable[Network],
    ports: Iterable[Port],
    named: Iterable[str] = (),
) -> str:
    """Both tables, replacing what is there in one transaction.

    named: bridges of apps that find others by name, whose questions go to our own names.
    """
    table = settings.table_name
    text = RULES.format(
        table=table,
        denied=", ".join((*settings.egress_denied, settings.subnet_pool)),
        dns=settings.dns_address,
        pool=settings.subnet_pool,
        names_port=NAMES_PORT,
    )
    return "\n".join(
        [
            *(f"table {family} {table}" for family in FAMILIES),
            *(f"delete table {family} {table}" for family in FAMILIES),
            text,
            *(add_network(settings, network) for network in networks),
            *(add_port(settings, port) for port in ports),
            *name(settings, named),
        ]
    )


# where our own names are answered, beside the name service of the host's names
NAMES_PORT = 54
FAMILIES = ("inet", "bridge")


def name(settings: Settings, bridges: Iterable[str]) -> list[str]:
    """The command that has questions from these bridges, and no others, go to our own names."""
    table = f"inet {settings.table_name} named"
    found = ", ".join(f'"{one}"' for one in bridges)
    return [f"flush set {table}", *([f"add element {table} {{ {found} }}"] if found else [])]


def add_network(settings: Settings, network: Network) -> str:
    """The commands that put a bridge under the rules."""
    return elements("add", f"inet {settings.table_name}", network_elements(network))


def remove_network(settings: Settings, network: Network) -> str:
    """The commands that forget a bridge; they succeed when it was not known."""
    return gone(f"inet {settings.table_name}", network_elements(network))


def add_port(settings: Settings, port: Port) -> str:
    """The commands that tie a link to its address."""
    return elements("add", f"bridge {settings.table_name}", port_elements(port))


def remove_port(settings: Settings, port: Port) -> str:
    """The commands that forget a link; they succeed when it was not known."""
    return gone(f"bridge {settings.table_name}", port_elements(port))


def remove_tables(settings: Settings) -> str:
    """The commands that leave nothing of ours; they succeed when there is nothing."""
    table = settings.table_name
    lines = [f"table {family} {table}\ndelete table {family} {table}" for family in FAMILIES]
    return "\n".join(lines)


def network_elements(network: Network) -> dict[str, str]:
    """Which set gets which element for a bridge."""
    name = f'"{network.bridge}"'
    return {"bridges": name, "same": f"{name} . {name}", "subnets": f"{name} . {network.subnet}"}


def port_elements(port: Port) -> dict[str, str]:
    """Which set gets which element for a link."""
    link = f'"{port.link}"'
    return {
        "links": link,
        "stations": f"{link} . {hardware_address(port.address)}",
        "sources": f"{link} . {port.address}",
    }


def elements(verb: str, table: str, values: Mapping[str, str]) -> str:
    """One command per set."""
    return "\n".join(
        f"{verb} element {table} {name} {{ {value} }}" for name, value in values.items()
    )


def gone(table: str, values: Mapping[str, str]) -> str:
    """Add, then delete: the delete alone would fail on what is not there."""
    return elements("add", table, values) + "\n" + elements("delete", table, values)
