"""TCP sockets of a container, as the kernel lists those of its network namespace.

Touches: a netlink socket in that namespace. /proc/<pid>/net/tcp says the same, at thirty times
the cost: it formats its way through a table as large as the whole machine's. Sources:
sock_diag(7); include/uapi/linux/inet_diag.h and netlink.h.
"""

import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paas.network import namespaces

ESTABLISHED, LISTENING = 1, 10
SOCK_DIAG, BY_FAMILY = 4, 20  # the netlink family; the kind of a request
REQUEST_DUMP = 0x1 | 0x300  # NLM_F_REQUEST, NLM_F_DUMP
ERROR, DONE = 2, 3
HEADER = struct.Struct("=IHHII")  # length, kind, flags, sequence, port
ASKED = struct.Struct("=BBBBI48x")  # inet_diag_req_v2: family, protocol, extensions, pad, states
TOLD = struct.Struct("=BBBB2s2s16s")  # inet_diag_msg begins so: family, state, .., own port, peer's
RECEIVED_BYTES = 1 << 16
ADDRESS_BYTES = {socket.AF_INET: 4, socket.AF_INET6: 16}


@dataclass(frozen=True, slots=True)
class Socket:
    """One TCP socket's own end."""

    address: str
    port: int
    state: int


def sockets(pid: int, state: int) -> list[Socket]:
    """TCP sockets in a state in the process's network namespace; none when it is gone."""
    try:
        return namespaces.inside(Path(f"/proc/{pid}/ns/net"), lambda: ask(state))
    except OSError:
        return []


def ask(state: int) -> list[Socket]:
    """Those in this thread's network namespace. Raises OSError."""
    found: list[Socket] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, SOCK_DIAG) as line:
        for family in ADDRESS_BYTES:
            request = ASKED.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << state)
            size = HEADER.size + len(request)
            line.send(HEADER.pack(size, BY_FAMILY, REQUEST_DUMP, 0, 0) + request)
            found += answers(line)
    return found


def answers(line: socket.socket) -> Iterator[Socket]:
    """What comes of one request, to its end."""
    while True:
        data = line.recv(RECEIVED_BYTES)
        offset = 0
        while offset < len(data):
            size, kind, *_ = HEADER.unpack_from(data, offset)
            if kind in (DONE, ERROR):
                return
            yield parse(data[offset + HEADER.size : offset + size])
            offset += (size + 3) & ~3


def parse(message: bytes) -> Socket:
    """One inet_diag_msg."""
    family, state, _, _, port, _, address = TOLD.unpack_from(message)
    return Socket(readable(address[: ADDRESS_BYTES[family]]), int.from_bytes(port, "big"), state)


def readable(packed: bytes) -> str:
    """An address as people write it; IPv4 in IPv6 as IPv4."""
    address = ipaddress.ip_address(packed)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def listening(pid: int) -> list[tuple[str, int]]:
    """Addresses and ports somebody listens on, each once."""
    found = {(one.address, one.port) for one in sockets(pid, LISTENING)}
    return sorted(found, key=lambda place: (place[1], place[0]))


def connections(pid: int, port: int) -> int:
    """Established connections to one port."""
    return sum(one.port == port for one in sockets(pid, ESTABLISHED))
