"""Everything the kernel knows of links or addresses, in one answer, read by hand.

Touches: a netlink socket. pyroute2 takes a third of a millisecond to decode a link, and
a machine with five hundred containers has a thousand of them. Source: netlink(7),
rtnetlink(7), Linux's include/uapi/linux/{netlink,rtnetlink,if_link,if_addr}.h.
"""

import os
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

GET_LINK, GET_ADDRESS = 18, 22  # RTM_GETLINK, RTM_GETADDR
LINK_HEADER, ADDRESS_HEADER = 16, 8  # sizes of ifinfomsg and ifaddrmsg
ADDRESS = 1  # IFA_ADDRESS
WITHOUT_STATISTICS = struct.pack("=HHI", 8, 29, 8)  # IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS
ERROR, DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
INTERRUPTED = 0x10  # NLM_F_DUMP_INTR: something changed meanwhile, entries may be missing
NESTED_BITS = 0x3FFF  # NLA_TYPE_MASK
MESSAGE, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
ATTEMPTS = 5
RECEIVE_BYTES = 1 << 17
PATIENCE_S = 10

Attributes = Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """One link or address: its fixed header, and its attributes by number."""

    header: bytes
    attributes: Attributes

    def identity(self, kind: int) -> tuple[bytes, ...]:
        """What tells it from others: its interface's number, and the address on it."""
        number = self.header[4:8]
        return (number,) if kind == GET_LINK else (number, self.attributes.get(ADDRESS, b""))

    @property
    def number(self) -> int:
        """Its interface's number."""
        return int.from_bytes(self.header[4:8], sys.byteorder)

    def text(self, number: int) -> str:
        """A text attribute; "" when there is none."""
        return self.attributes.get(number, b"").rstrip(b"\0").decode(errors="replace")

    def whole(self, number: int) -> int:
        """An unsigned 32-bit attribute; 0 when there is none."""
        data = self.attributes.get(number)
        return struct.unpack("=I", data)[0] if data else 0


def links() -> list[Entry]:
    """Every link of this thread's network namespace."""
    return consistent(GET_LINK, LINK_HEADER, WITHOUT_STATISTICS)


def addresses() -> list[Entry]:
    """Every IPv4 address of this thread's network namespace."""
    return consistent(GET_ADDRESS, ADDRESS_HEADER, b"")


def consistent(kind: int, header_bytes: int, more: bytes) -> list[Entry]:
    """A dump that nothing changed under.

    Where things never keep still, all that several dumps have seen: what was there all the
    time is in one of them, what is in none came or went just now.
    """
    seen: dict[tuple[bytes, ...], Entry] = {}
    for _ in range(ATTEMPTS):
        found, interrupted = once(kind, header_bytes, more)
        if not interrupted:
            return found
        seen.update((entry.identity(kind), entry) for entry in found)
    return list(seen.values())


def once(kind: int, header_bytes: int, more: bytes) -> tuple[list[Entry], bool]:
    """One dump, and whether something changed under it."""
    family = bytes([socket.AF_INET if kind == GET_ADDRESS else socket.AF_UNSPEC])
    body = family.ljust(header_bytes, b"\0") + more
    request = MESSAGE.pack(MESSAGE.size + len(body), kind, REQUEST_DUMP, 1, 0) + body
    found: list[Entry] = []
    interrupted = False
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(PATIENCE_S)
        kernel.send(request)
        while True:
            for type_, flags, payload in messages(kernel.recv(RECEIVE_BYTES)):
                interrupted = interrupted or bool(flags & INTERRUPTED)
                if type_ == DONE:
                    return found, interrupted
                if type_ == ERROR:
                    raise refusal(payload)
                found.append(Entry(payload[:header_bytes], attributes(payload[header_bytes:])))


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, flags and payload of each message in a datagram."""
    at = 0
    while at + MESSAGE.size <= len(data):
        length, type_, flags, _, _ = MESSAGE.unpack_from(data, at)
        yield type_, flags, data[at + MESSAGE.size : at + length]
        at += aligned(length)


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by number."""
    found, at = {}, 0
    while at + ATTRIBUTE.size <= len(data):
        length, number = ATTRIBUTE.unpack_from(data, at)
        found[number & NESTED_BITS] = data[at + ATTRIBUTE.size : at + length]
        at += max(aligned(length), ATTRIBUTE.size)
    return found


def aligned(length: int) -> int:
    return length + 3 & ~3


def refusal(payload: bytes) -> OSError:
    """The kernel's error."""
    number = -struct.unpack_from("=i", payload)[0]
    return OSError(number, os.strerror(number), "netlink")
