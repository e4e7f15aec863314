"""Our own names, answered: `python3 -I -S name_server.py TABLE ADDRESS PORT PID_FILE USER`.

A small process beside dnsmasq that outlives the daemon. Questions come from containers
whose app shares networks; the sender's address, which the firewall vouches for, says
which names there are. What is no name of ours is dnsmasq's to answer, at the same
address's port 53. Standard library only. Source: RFC 1035, RFC 2308.

Touches: its two sockets, the table (read again when it was replaced), its pid file.
"""

import ipaddress
import json
import os
import pwd
import random
import secrets
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HEADER = struct.Struct("!HHHHHH")
RESPONSE, AUTHORITATIVE, RECURSION_DESIRED, RECURSION = 0x8000, 0x0400, 0x0100, 0x0080
FORMAT_ERROR, REFUSED = 1, 5
ADDRESS, ANY, INTERNET = 1, 255, 1
TTL_S = 1
ANSWERS = 20  # more would not fit into 512 bytes
DATAGRAM = 4096
PENDING, PENDING_EACH, PENDING_S = 4096, 256, 5.0
CONNECTIONS, CONNECTIONS_EACH, CONNECTION_S = 128, 16, 10.0
LABEL = 63
LONGEST = 253

Address = tuple[str, int]


# -- the table -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Names:
    """Who may ask for what. askers: networks by the subnet of an app; names by network."""

    prefix: int = 32
    askers: Mapping[int, Sequence[str]] = field(default_factory=dict)
    names: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> "Names":
        values = json.loads(text)
        prefix = int(values["prefix"])
        askers = {
            int(ipaddress.IPv4Network(subnet).network_address): networks
            for subnet, networks in values["askers"].items()
        }
        return cls(prefix, askers, values["networks"])

    def find(self, asker: str, name: str) -> list[str] | None:
        """Addresses of a name as an asker sees it; None when it is no name of ours to him."""
        number = int(ipaddress.IPv4Address(asker))
        subnet = number >> (32 - self.prefix) << (32 - self.prefix)
        found: dict[str, None] = {}
        known = False
        for network in self.askers.get(subnet, ()):
            addresses = self.names.get(network, {}).get(name)
            if addresses is not None:
                known = True
                found.update(dict.fromkeys(addresses))
        return list(found) if known else None


class Table:
    """The names in a file, read again when another file has its name."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._version: tuple[int, int] = (0, 0)
        self._names = Names()

    def names(self) -> Names:
        try:
            status = self._path.stat()
            version = (status.st_ino, status.st_mtime_ns)
            if version != self._version:
                self._names = Names.of(self._path.read_text(encoding="utf-8"))
                self._version = version
        except (OSError, ValueError, KeyError):
            pass  # what was known holds
        return self._names


# -- questions and answers ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """One question: how it was written, what it asks for, and the whole of its bytes."""

    identity: int
    flags: int
    name: str
    kind: int
    asked: bytes


def question(data: bytes) -> Question | None:
    """The question of a query with exactly one; None for everything else."""
    if len(data) < HEADER.size:
        return None
    identity, flags, questions, *_ = HEADER.unpack_from(data)
    if flags & RESPONSE or flags >> 11 & 15 or questions != 1:
        return None
    labels, at = [], HEADER.size
    while at < len(data) and (length := data[at]):
        label = data[at + 1 : at + 1 + length]
        if length > LABEL or len(label) < length:
            return None
        labels.append(label.decode("latin-1").lower())
        at += 1 + length
    if at + 5 > len(data) or sum(map(len, labels)) + len(labels) > LONGEST + 1:
        return None
    kind, class_ = struct.unpack_from("!HH", data, at + 1)
    asked = data[HEADER.size : at + 5]
    return Question(identity, flags, ".".join(labels), kind, asked) if class_ == INTERNET else None


def answer(one: Question, addresses: Sequence[str]) -> bytes:
    """The addresses, in another order each time; none where something else was asked for."""
    wanted = list(addresses) if one.kind in (ADDRESS, ANY) else []
    random.shuffle(wanted)
    records = b"".join(map(record, wanted[:ANSWERS]))
    flags = RESPONSE | AUTHORITATIVE | RECURSION | one.flags & RECURSION_DESIRED
    return HEADER.pack(one.identity, flags, 1, len(wanted[:ANSWERS]), 0, 0) + one.asked + records


def record(address: str) -> bytes:
    """An address of the name that was asked for (a pointer to it, RFC 1035, 4.1.4)."""
    head = struct.pack("!HHHIH", 0xC000 | HEADER.size, ADDRESS, INTERNET, TTL_S, 4)
    return head + ipaddress.IPv4Address(address).packed


# -- serving -----------------------------------------------------------------------------


class Server:
    """Answers on one address, over UDP in one thread and over TCP in a few."""

    def __init__(self, table: Table, address: str, port: int) -> None:
        self._table = table
        self._upstream = (address, 53)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((address, port))
        self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._tcp.bind((address, port))
        self._tcp.listen(128)
        self._onward = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._onward.connect(self._upstream)
        # questions that dnsmasq is at: whose they are, under which number, since when
        self._pending: dict[int, tuple[Address, int, float]] = {}
        self._connections: Counter[str] = Counter()
        self._counting = threading.Lock()

    def serve(self) -> None:
        """For ever."""
        selector = selectors.DefaultSelector()
        for one, act in (
            (self._udp, self._asked),
            (self._onward, self._told),
            (self._tcp, self._called),
        ):
            one.setblocking(False)
            selector.register(one, selectors.EVENT_READ, act)
        while True:
            for key, _ in selector.select():
                try:
                    key.data()
                except Exception:  # noqa: BLE001, S112 - the next question is another's
                    continue

    def _ours(self, data: bytes, asker: str) -> bytes | None:
        """The answer to a question for a name of ours; None for any other."""
        one = question(data)
        if one is None:
            return None
        found = self._table.names().find(asker, one.name)
        return None if found is None else answer(one, found)

    def _asked(self) -> None:
        data, sender = self._udp.recvfrom(DATAGRAM)
        reply = self._ours(data, sender[0])
        if reply is not None:
            self._udp.sendto(reply, sender)
        elif len(data) >= HEADER.size:
            self._hand_on(data, sender)

    def _hand_on(self, data: bytes, sender: Address) -> None:
        """Ask dnsmasq, under a number of our own."""
        now = time.monotonic()
        if len(self._pending) >= PENDING_EACH:
            old = [key for key, (_, _, since) in self._pending.items() if now - since > PENDING_S]
            for key in old:
                del self._pending[key]
            asked = sum(one[0] == sender[0] for one, _, _ in self._pending.values())
            if asked >= PENDING_EACH or len(self._pending) >= PENDING:
                return
        number = secrets.randbelow(1 << 16)
        while number in self._pending:
            number = secrets.randbelow(1 << 16)
        self._pending[number] = (sender, int.from_bytes(data[:2]), now)
        self._onward.send(number.to_bytes(2) + data[2:])

    def _told(self) -> None:
        data = self._onward.recv(1 << 16)
        waiting = self._pending.pop(int.from_bytes(data[:2]), None)
        if waiting is not None:
            sender, number, _ = waiting
            self._udp.sendto(number.to_bytes(2) + data[2:], sender)

    def _called(self) -> None:
        connection, sender = self._tcp.accept()
        if not self._let_in(sender[0]):
            connection.close()
            return
        threading.Thread(target=self._converse, args=(connection, sender[0]), daemon=True).start()

    def _let_in(self, asker: str) -> bool:
        """Count one more conversation, unless there are enough, or enough of the asker's."""
        with self._counting:
            held = self._connections
            if held.total() >= CONNECTIONS or held[asker] >= CONNECTIONS_EACH:
                return False
            held[asker] += 1
            return True

    def _converse(self, connection: socket.socket, asker: str) -> None:
        try:
            with connection:
                connection.settimeout(CONNECTION_S)
                for data in messages(connection):
                    reply = self._ours(data, asker) or self._from_upstream(data)
                    connection.sendall(len(reply).to_bytes(2) + reply)
        except OSError:
            return
        finally:
            with self._counting:
                self._connections[asker] -= 1

    def _from_upstream(self, data: bytes) -> bytes:
        with socket.create_connection(self._upstream, CONNECTION_S) as onward:
            onward.sendall(len(data).to_bytes(2) + data)
            return next(messages(onward))


def messages(connection: socket.socket) -> Iterator[bytes]:
    """Messages over TCP, each behind its length, until the other side ends."""
    with connection.makefile("rb") as stream:
        while len(length := stream.read(2)) == 2:
            data = stream.read(int.from_bytes(length))
            if len(data) < int.from_bytes(length):
                return
            yield data


# -- the process -------------------------------------------------------------------------


def main(table: str, address: str, port: str, pid_file: str, user: str) -> None:
    """Bind, go to the background, become the user, serve."""
    server = Server(Table(table), address, int(port))
    ready, told = os.pipe()
    if os.fork():
        os.close(told)
        os._exit(0 if os.read(ready, 1) else 1)
    os.setsid()
    draft = Path(f"{pid_file}.new")
    draft.write_text(f"{os.getpid()}\n", encoding="utf-8")
    draft.rename(pid_file)
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.write(told, b".")
    os.close(told)
    server.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
