"""Joints: links of containers to networks that apps share, beside the one to their own.

Touches: links and rules named after the instance, the container and the network.
"""

import base64
import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from paas.model.container import Limits
from paas.network import links, nftables, rules
from paas.settings import Settings

LETTERS = 10  # as many as a container's id has


@dataclass(frozen=True, slots=True)
class Joint:
    """A container on a network, at an address of its own there."""

    container_id: str
    slot: int
    address: IPv4Address
    subnet: IPv4Network


def link_name(settings: Settings, container_id: str, slot: int) -> str:
    """The host end of a joint: as long as the container's own link, and found again from both.

    A link's name has 15 bytes, which the instance's name and the container's id fill.
    """
    digest = hashlib.blake2b(f"{container_id}/{slot}".encode(), digest_size=10).digest()
    return f"{settings.name}{base64.b32encode(digest).decode().lower()[:LETTERS]}"


def inside_name(slot: int) -> str:
    """The container's end."""
    return f"net{slot}"


def make(settings: Settings, joint: Joint, limits: Limits, mtu: int) -> None:
    """Make the link, under the rules before it is there, within the container's bandwidths."""
    name = link_name(settings, joint.container_id, joint.slot)
    namespace = settings.run_dir / "netns" / joint.container_id
    inside = inside_name(joint.slot)
    nftables.apply(rules.add_port(settings, rules.Port(name, joint.address)))
    bridge = settings.bridge(joint.slot)
    links.make_link(name, bridge, namespace, joint.address, mtu, inside)
    address = IPv4Interface((joint.address, joint.subnet.prefixlen))
    links.configure_joint(namespace, inside, address, limits.network_egress_bps)
    if limits.network_ingress_bps:
        links.limit(name, limits.network_ingress_bps)


def remove(settings: Settings, container_id: str, slot: int, address: IPv4Address) -> None:
    """Remove a link and what the rules know of it. Idempotent."""
    name = link_name(settings, container_id, slot)
    links.remove(name)
    nftables.apply(rules.remove_port(settings, rules.Port(name, address)))
