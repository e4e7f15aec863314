"""Networks that apps share: who reaches whom there, by which names, and who does not."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest

from paas.command import Runner
from paas.model.container import ContainerSpec, Kind, Limits
from paas.network import joints, links, names
from paas.network.names import Names
from paas.network.networks import Networks
from paas.settings import Settings
from tests.network.conftest import Place
from tests.network.test_networks import receiving, serving

Make = Callable[..., Place]
SHARED, OTHER = 900, 901


def spec_of(place: Place, slot: int = 1, **limits: int) -> ContainerSpec:
    return ContainerSpec(
        id=place.id, app=f"app{slot}", slot=slot, kind=Kind.APP, process="web", index=1,
        layers=(), argv=("true",), limits=Limits(**limits),
    )  # fmt: skip


@dataclass
class Joined:
    """A container of an app, on a network beside its own."""

    place: Place
    address: str


@pytest.fixture
def joined(place: Make, networks: Networks) -> Callable[..., Joined]:
    def make(slot: int, shared: int = SHARED, **limits: int) -> Joined:
        made = place(slot, **limits)
        return Joined(made, str(networks.join(spec_of(made, slot, **limits), shared)))

    return make


Join = Callable[..., Joined]


def test_apps_reach_each_other_on_a_network_they_share_and_only_there(joined: Join) -> None:
    one, two = joined(1), joined(2)
    with serving(two.place):
        assert one.place.connects(two.address, 5000) == "yes"
        assert one.place.connects(two.place.address, 5000).startswith(("OSError", "Perm", "Conn"))
    with receiving(two.place) as heard:
        one.place.python(
            "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
            f".sendto(b'hello', ({two.address!r}, 6000))"
        )
        assert heard() == "hello"


def test_who_is_not_on_it_reaches_nobody_there(joined: Join, place: Make) -> None:
    inside, outside, elsewhere = joined(1), place(2), joined(3, OTHER)
    with serving(inside.place):
        for stranger in (outside, elsewhere.place):
            assert stranger.connects(inside.address, 5000) != "yes"


def test_a_container_on_two_networks_leads_nobody_from_one_to_the_other(
    joined: Join, networks: Networks
) -> None:
    bridge = joined(1)
    second = networks.join(spec_of(bridge.place), OTHER)
    left, right = joined(2), joined(3, OTHER)
    with serving(right.place), serving(bridge.place):
        assert left.place.connects(bridge.address, 5000) == "yes"
        assert right.place.connects(str(second), 5000) == "yes"
        assert left.place.connects(right.address, 5000) != "yes"
        route = ("ip", "route", "add", f"{right.address}/32", "via", bridge.address)
        assert left.place.run(*route).status != 0 or (
            left.place.connects(right.address, 5000, patience_s=1) != "yes"
        )


def test_the_host_and_the_world_are_no_nearer_on_a_shared_network(
    joined: Join, networks: Networks
) -> None:
    one = joined(1)
    gateway = str(networks.settings.subnet(SHARED)[1])
    assert one.place.connects(gateway, networks.settings.ssh_port) != "yes"
    assert one.place.connects(gateway, 22) != "yes"


@pytest.mark.parametrize("what", ["the source", "an answer to ARP", "the hardware address"])
def test_nobody_passes_for_another_on_a_shared_network(
    joined: Join, networks: Networks, what: str
) -> None:
    """With raw sockets, which containers have not; the rules do not count on that."""
    thief, victim, witness = joined(1), joined(2), joined(3)
    device = joints.inside_name(SHARED)
    with serving(victim.place):
        assert witness.place.connects(victim.address, 5000) == "yes"
        thief.place.connects(witness.address, 9)  # so that it knows the hardware address
        before = neighbour(witness.place, victim.address)
        if what == "the hardware address":
            thief.place.run("ip", "link", "set", device, "address", before, check=True)
            say(thief.place, thief.address, witness.address)
        elif what == "the source":
            thief.place.run("ip", "addr", "add", f"{victim.address}/32", "dev", device, check=True)
            with receiving(witness.place) as heard:
                say(thief.place, victim.address, witness.address)
                say(thief.place, thief.address, witness.address)
                assert heard() == thief.address
        else:
            thief.place.python(gratuitous(device, victim.address, witness.address))
        assert neighbour(witness.place, victim.address) == before
        assert witness.place.connects(victim.address, 5000) == "yes"


def say(place: Place, source: str, target: str) -> None:
    """Send the source's address in a datagram from it."""
    place.python(
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        f"s.bind(({source!r}, 0)); s.sendto({source.encode()!r}, ({target!r}, 6000))"
    )


def neighbour(place: Place, address: str) -> str:
    """The hardware address that a container knows for an address."""
    words = place.run("ip", "neigh", "show", address).text.split()
    return words[words.index("lladdr") + 1]


def gratuitous(device: str, claimed: str, told: str) -> str:
    """A program that claims another's address by ARP (RFC 826)."""
    return f"""
import socket, struct
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
raw.bind(({device!r}, 0))
own = raw.getsockname()[4]
body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + own + socket.inet_aton({claimed!r})
body += b"\\xff" * 6 + socket.inet_aton({told!r})
raw.send(b"\\xff" * 6 + own + b"\\x08\\x06" + body)
"""


def test_bandwidths_hold_on_every_link(joined: Join, networks: Networks) -> None:
    one = joined(1, network_egress_bps=1 << 20, network_ingress_bps=1 << 20)
    shaped = one.place.run("tc", "qdisc", "show", "dev", joints.inside_name(SHARED)).text
    assert "tbf" in shaped
    link = joints.link_name(networks.settings, one.place.id, SHARED)
    assert "tbf" in Runner().run(("tc", "qdisc", "show", "dev", link)).text


def test_joining_twice_is_once_and_leaving_ends_it(joined: Join, networks: Networks) -> None:
    one, two = joined(1), joined(2)
    assert str(networks.join(spec_of(one.place), SHARED)) == one.address
    with serving(one.place):
        assert two.place.connects(one.address, 5000) == "yes"
        networks.leave(one.place.id, SHARED)
        networks.leave(one.place.id, SHARED)
        assert two.place.connects(one.address, 5000, patience_s=1) != "yes"
    assert networks.joined(one.place.id) == {}
    assert networks.members(SHARED) == [two.place.id]


def test_a_restarted_daemon_knows_who_is_on_which_network(
    joined: Join, networks: Networks, settings: Settings
) -> None:
    one, two = joined(1), joined(2)
    later = Networks(settings, Runner())
    later.ensure()
    assert later.joined(one.place.id) == {SHARED: IPv4Address(one.address)}
    with serving(two.place):
        assert one.place.connects(two.address, 5000) == "yes"
    assert later.found() == {one.place.id, two.place.id}
    later.close()


def test_a_container_that_goes_leaves_no_link_and_its_address_rests(
    joined: Join, networks: Networks
) -> None:
    one = joined(1)
    link = joints.link_name(networks.settings, one.place.id, SHARED)
    assert link in [one.name for one in links.scan()]
    networks.detach(one.place.id)
    assert networks.found() == set()
    assert link not in [one.name for one in links.scan()]
    assert joined(2).address != one.address


def test_a_link_whose_container_is_unknown_is_removed(
    joined: Join, networks: Networks, settings: Settings
) -> None:
    one = joined(1)
    Runner().run(("ip", "link", "del", settings.link(one.place.id)))
    later = Networks(settings, Runner())
    later.ensure()
    link = joints.link_name(settings, one.place.id, SHARED)
    assert link not in [one.name for one in links.scan()]
    later.close()


# -- names ---------------------------------------------------------------------------------


CLIENT = """
import socket, struct, sys
server, transport, kind, *names = sys.argv[1:]
def answer(one, query, server):
    one.settimeout(5)
    for _ in range(9):  # as resolvers do: a datagram may get lost
        one.sendto(query, (server, 53))
        try: return one.recv(4096)
        except TimeoutError: continue
    return one.recv(4096)
for name in names:
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.rstrip(".").split("."))
    query = struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + labels + b"\\0"
    query += struct.pack("!HH", int(kind), 1)
    if transport == "tcp":
        stream = socket.create_connection((server, 53), 30)
        stream.sendall(len(query).to_bytes(2, "big") + query)
        data = stream.recv(4096)[2:]
    else:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        data = answer(one, query, server)
    identity, flags, _, count, *_ = struct.unpack("!HHHHHH", data[:12])
    records = data[len(query):]
    found = [socket.inet_ntoa(records[16 * n + 12 : 16 * n + 16]) for n in range(count)]
    lives = [struct.unpack("!I", records[16 * n + 6 : 16 * n + 10])[0] for n in range(count)]
    print(flags & 15, max(lives, default=0), *found)
"""


def query(
    networks: Networks,
    place: Place,
    *wanted: str,
    transport: str = "udp",
    kind: int = 1,
    check: bool = True,
) -> list[list[str]]:
    """Status, longest life and addresses that questions in a container's place get."""
    server = str(networks.settings.dns_address)
    argv = ("/usr/bin/python3", "-c", CLIENT, server, transport, str(kind), *wanted)
    return [line.split() for line in place.run(*argv, check=check).text.splitlines()]


def ask(networks: Networks, place: Place, *wanted: str) -> list[set[str]]:
    """The addresses that names come to."""
    return [set(found[2:]) for found in query(networks, place, *wanted)]


@pytest.fixture
def told(networks: Networks, joined: Join) -> tuple[Joined, Joined]:
    one, two = joined(1), joined(2)
    table = Names(
        {1: ["net"], 2: ["net"]},
        {
            "net": {"blog": [one.address], "shop.web": [two.address, "10.9.9.9"]},
            "secret": {"vault": ["10.1.1.1"]},
        },
    )
    networks.tell_names(table)
    return one, two


def test_names_are_told_to_those_on_the_network_and_to_nobody_else(
    networks: Networks, told: tuple[Joined, Joined], place: Make
) -> None:
    one, two = told
    found = ask(networks, two.place, "blog", "BLOG.", "shop.web", "vault")
    assert found == [{one.address}, {one.address}, {two.address, "10.9.9.9"}, set()]
    assert ask(networks, place(3), "blog", "shop.web") == [set(), set()]


def test_names_of_the_world_are_still_found(
    networks: Networks, told: tuple[Joined, Joined]
) -> None:
    _, two = told
    for transport in ("udp", "tcp"):
        until(lambda way=transport: is_in_the_world(networks, two.place, way))  # type: ignore[misc]


def is_in_the_world(networks: Networks, place: Place, transport: str) -> bool:
    """Whether a name of the world is found; whoever is asked there may fail at first."""
    found = query(networks, place, "deb.debian.org", transport=transport, check=False)
    return [status for status, *_ in found] == ["0"]


def test_names_come_over_tcp_live_for_a_second_and_have_no_other_type(
    networks: Networks, told: tuple[Joined, Joined]
) -> None:
    one, two = told
    assert query(networks, two.place, "blog", transport="tcp") == [["0", "1", one.address]]
    assert query(networks, two.place, "blog", kind=28) == [["0", "0"]]


def test_a_change_is_told_at_once_and_several_addresses_take_turns(
    networks: Networks, told: tuple[Joined, Joined]
) -> None:
    _, two = told
    first = {found[2] for found in query(networks, two.place, *["shop.web"] * 30)}
    assert first == {two.address, "10.9.9.9"}
    networks.tell_names(Names({1: ["net"], 2: ["net"]}, {"net": {"blog": ["10.8.8.8"]}}))
    assert ask(networks, two.place, "blog", "shop.web") == [{"10.8.8.8"}, set()]
    networks.tell_names(Names())
    assert networks.names.pid() is None
    assert ask(networks, two.place, "blog") == [set()]


def test_names_outlive_the_daemon_and_go_on_when_their_server_was_killed(
    networks: Networks, told: tuple[Joined, Joined], settings: Settings
) -> None:
    one, two = told
    pid = networks.names.pid()
    later = Networks(settings, Runner())
    later.ensure()
    assert later.names.pid() == pid
    assert ask(networks, two.place, "blog") == [{one.address}]
    later.close()
    Runner().run(("kill", "-9", str(pid)))
    until(lambda: networks.names.pid() not in (None, pid))
    assert ask(networks, two.place, "blog") == [{one.address}]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_nonsense_is_not_answered_and_ends_nothing(
    networks: Networks, told: tuple[Joined, Joined]
) -> None:
    one, two = told
    server = str(networks.settings.dns_address)
    code = f"""
import os, random, socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for size in (0, 1, 11, 12, 13, 17, 500, 4000):
    for _ in range(20):
        sender.sendto(os.urandom(size), ({server!r}, 53))
loop = b"\\x12\\x34\\x01\\0\\0\\1\\0\\0\\0\\0\\0\\0" + b"\\xc0\\x0c" + b"\\0\\1\\0\\1"
sender.sendto(loop, ({server!r}, 53))
held = [socket.create_connection(({server!r}, 53)) for _ in range(80)]
"""
    assert two.place.python(code).status == 0
    assert ask(networks, two.place, "blog") == [{one.address}]


def test_the_table_is_the_name_servers_alone(
    networks: Networks, told: tuple[Joined, Joined], settings: Settings
) -> None:
    assert names.path(settings).stat().st_mode & 0o777 == 0o400
    assert names.askers(settings) == [1, 2]
