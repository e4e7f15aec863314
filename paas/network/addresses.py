"""Which container has which address. Round robin, so that a freed address rests.

Pure, but for the random place it starts at: clients of a container that has just gone
must not find another one behind its address.
"""

import secrets
from ipaddress import IPv4Address, IPv4Network

from paas.errors import PaasError

FIRST_HOST = 2  # after the network's own address and the gateway
# the first two bytes of our MAC addresses (locally administered); the IP address follows
INSIDE_PREFIX = b"\x02\x70"


def hardware_address(address: IPv4Address) -> str:
    """The MAC address that goes with an IP address: locally administered, the same each time.

    A bridge left to itself takes the lowest of its ports' and so another one when a port
    comes or goes, and a container at a reused address would have another one than its
    predecessor: either way packets go to the old one, for seconds, until ARP asks again.
    """
    return written(INSIDE_PREFIX + address.packed)


def written(hardware: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in hardware)


class Addresses:
    """The addresses of one subnet. Not locked: its owner sees to that."""

    def __init__(self, subnet: IPv4Network) -> None:
        self.subnet = subnet
        self.taken: dict[str, IPv4Address] = {}
        self._room = subnet.num_addresses - FIRST_HOST - 1
        self._next = secrets.randbelow(self._room)

    def take(self, container_id: str) -> IPv4Address:
        """An address for a container; PaasError when the subnet is full."""
        used = set(self.taken.values())
        for step in range(self._room):
            place = (self._next + step) % self._room
            address = self.subnet[FIRST_HOST + place]
            if address not in used:
                self._next = place + 1
                self.taken[container_id] = address
                return address
        raise PaasError(
            f"the app's network {self.subnet} has no free address: {self._room} containers run",
            "scale down, or choose a shorter subnet_prefix in the settings of a new instance",
        )

    def free(self, container_id: str) -> IPv4Address | None:
        """Give a container's address back; None when it had none."""
        return self.taken.pop(container_id, None)
