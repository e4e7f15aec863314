"""TCP sockets of a container, read from its first process's /proc/<pid>/net.

Source: proc(5), /proc/net/tcp: addresses are hexadecimal, each 32-bit word in the
machine's byte order; state 01 is established, 0A listening.
"""

import ipaddress
import struct
from dataclasses import dataclass
from pathlib import Path

ESTABLISHED, LISTENING = 0x01, 0x0A


@dataclass(frozen=True, slots=True)
class Socket:
    """One TCP socket's own end."""

    address: str
    port: int
    state: int


def sockets(pid: int) -> list[Socket]:
    """Every TCP socket in the process's network namespace; none when it is gone."""
    found = []
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
        except (OSError, ValueError):
            continue
        found += [parse(line) for line in lines]
    return found


def parse(line: str) -> Socket:
    """One line of /proc/net/tcp or tcp6."""
    fields = line.split()
    address, port = fields[1].split(":")
    return Socket(readable(address), int(port, 16), int(fields[3], 16))


def readable(text: str) -> str:
    """An address as people write it; IPv4 in IPv6 as IPv4."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    address = ipaddress.ip_address(packed)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def listening(pid: int) -> list[tuple[str, int]]:
    """Addresses and ports somebody listens on, each once."""
    found = {(one.address, one.port) for one in sockets(pid) if one.state == LISTENING}
    return sorted(found, key=lambda place: (place[1], place[0]))


def connections(pid: int, port: int) -> int:
    """Established connections to one port."""
    every = sockets(pid)
    return sum(one.state == ESTABLISHED and one.port == port for one in every)
