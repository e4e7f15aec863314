"""Networks from inside a container's place: what it reaches, and what it must not."""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from paas.command import Runner
from paas.errors import PaasError
from paas.model.container import ContainerSpec, Kind
from paas.network import links
from paas.network.addresses import Addresses
from paas.network.networks import Networks
from paas.settings import Settings
from tests.network.conftest import Place

Make = Callable[..., Place]
SERVER = """
import socket, sys
server = socket.create_server(("0.0.0.0", 5000))
print("ready", flush=True)
while True:
    peer, _ = server.accept()
    while data := peer.recv(65536):
        if data[:1] == b"?":
            peer.sendall(b"x" * int(data[1:]))
            break
    peer.close()
"""


@contextmanager
def talking(argv: tuple[str, ...]) -> Iterator[Callable[[], str]]:
    """A child that has said it is ready; its next line, "" when none comes."""
    process = Runner().spawn(argv, stdout=-1)
    assert process.stdout

    def line() -> str:
        ready, _, _ = select.select([process.stdout], [], [], 60)
        return process.stdout.readline().decode().strip() if ready else ""

    with process, process.stdout:
        try:
            assert process.stdout.readline() == b"ready\n"
            yield line
        finally:
            process.kill()


@contextmanager
def serving(place: Place) -> Iterator[None]:
    """A TCP server on port 5000 of a place."""
    with talking(place.argv("/usr/bin/python3", "-c", SERVER)):
        yield


@contextmanager
def host_server(address: str = "0.0.0.0") -> Iterator[int]:
    """A TCP server of the host on every address; its port."""
    with socket.create_server((address, 0)) as server:
        yield server.getsockname()[1]


def host_address() -> str:
    """An address of the host that the world sees."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.254", 9))
        return str(probe.getsockname()[0])


def test_a_container_has_its_address_its_route_and_the_uplinks_mtu(place: Make) -> None:
    made = place()
    shown = made.run("ip", "-4", "-o", "address", "show", "dev", "eth0").text
    assert f"inet {made.address}/26" in shown
    assert f"default via {made.attachment.gateway}" in made.run("ip", "route").text
    assert f"mtu {links.uplink_mtu()}" in made.run("ip", "link", "show", "eth0").text
    assert "UP" in made.run("ip", "-br", "link", "show", "lo").text


def test_a_container_has_no_ipv6(place: Make) -> None:
    assert place().run("ip", "-6", "-o", "address").text == ""


def test_the_network_belongs_to_the_apps_user_namespace(place: Make, settings: Settings) -> None:
    made = place(3)
    mapped = Runner().run(
        ("nsenter", f"--user={made.attachment.user_namespace}", "cat", "/proc/self/uid_map")
    )
    assert mapped.text.split() == ["0", str(settings.uids(3)), "65536"]
    # root of that user namespace rules this network, which it could not if it were another's
    assert made.run("ip", "link", "set", "lo", "down").status == 0


def test_the_host_reaches_a_container(place: Make) -> None:
    made = place()
    with serving(made):
        socket.create_connection((made.address, 5000), 30).close()


def test_containers_of_one_app_reach_each_other(place: Make) -> None:
    one, two = place(1), place(1)
    with serving(two):
        assert one.connects(two.address, 5000) == "yes"


def test_containers_of_another_app_are_out_of_reach(place: Make) -> None:
    mine, other = place(1), place(2)
    with serving(other):
        assert "yes" not in mine.connects(other.address, 5000)
        assert "yes" not in other.connects(mine.address, 5000)


def test_the_host_is_out_of_reach_on_all_its_addresses(place: Make) -> None:
    made = place()
    with host_server() as port:
        for address in (str(made.attachment.gateway), host_address()):
            assert "yes" not in made.connects(address, port)


def test_a_refusal_is_told_at_once_and_not_waited_for(place: Make) -> None:
    made = place()
    said = made.connects(str(made.attachment.gateway), 9)
    assert "Error" in said
    assert "timed out" not in said


def test_link_local_addresses_are_out_of_reach(place: Make) -> None:
    assert "No route to host" in place().connects("169.254.169.254", 80)


def test_the_world_is_within_reach_behind_the_hosts_address(place: Make) -> None:
    made = place()
    with elsewhere(made) as (address, seen):
        assert made.connects(address, 7000) == "yes"
        assert seen() != made.address


@contextmanager
def elsewhere(made: Place) -> Iterator[tuple[str, Callable[[], str]]]:
    """A machine beyond the host: a namespace on a link of its own, with a server on 7000."""
    # the second byte of its addresses is no other instance's
    name, third = "w" + made.id, made.attachment.address.packed[1]
    near, far = f"198.18.{third}.1", f"198.18.{third}.2"
    path = Path(f"/run/netns/{name}")
    run = Runner().run
    run(("ip", "netns", "add", name))
    try:
        run(("ip", "link", "add", name, "type", "veth", "peer", "eth0", "netns", name))
        run(("ip", "address", "add", f"{near}/30", "dev", name))
        run(("ip", "link", "set", name, "up"))
        run(("ip", "-n", name, "address", "add", f"{far}/30", "dev", "eth0"))
        run(("ip", "-n", name, "link", "set", "eth0", "up"))
        code = (
            "import socket\nserver = socket.create_server(('', 7000))\nprint('ready', flush=True)\n"
            "print(server.accept()[1][0], flush=True)\n"
        )
        argv = ("nsenter", f"--net={path}", "--", "/usr/bin/python3", "-c", code)
        with talking(argv) as line:
            yield far, line
    finally:
        run(("ip", "netns", "delete", name))
        run(("ip", "link", "delete", name), check=False)


def test_the_world_does_not_reach_into_containers(place: Make) -> None:
    made = place()
    with serving(made), elsewhere(made) as (address, _):
        inside = ("ip", "netns", "exec", "w" + made.id)
        host = address.removesuffix("2") + "1"
        Runner().run((*inside, "ip", "route", "add", "default", "via", host))
        code = f"import socket; socket.create_connection(({made.address!r}, 5000), 0.5)"
        tried = Runner().run((*inside, "/usr/bin/python3", "-c", code), check=False)
        assert tried.status != 0


@pytest.mark.parametrize("kind", ["another app's", "a neighbour's", "a foreign"])
def test_a_spoofed_source_address_gets_nowhere(place: Make, kind: str) -> None:
    made, neighbour, other = place(1), place(1), place(2)
    source = {"another app's": other.address, "a neighbour's": neighbour.address}
    spoofs(made, source.get(kind, "203.0.113.7"), place(1))


def spoofs(made: Place, fake: str, target: Place) -> None:
    """Have a container speak from another address, then from its own: only that arrives."""
    made.connects(target.address, 9)  # so that it knows the target's hardware address
    made.run("ip", "address", "add", f"{fake}/32", "dev", "eth0", check=True)
    with receiving(target) as received:
        for address in (fake, made.address):
            code = (
                "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                f"s.bind(({address!r}, 0))\n"
                f"s.sendto({address.encode()!r}, ({target.address!r}, 6000))"
            )
            made.python(code)
        assert received() == made.address


@contextmanager
def receiving(place: Place) -> Iterator[Callable[[], str]]:
    """A UDP socket on port 6000 of a place; the first datagram's text."""
    code = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 6000))\n"
        "print('ready', flush=True); print(s.recv(99).decode(), flush=True)"
    )
    with talking(place.argv("/usr/bin/python3", "-c", code)) as line:
        yield line


def test_names_are_resolved_and_only_by_our_forwarder(place: Make, networks: Networks) -> None:
    made = place()
    address = str(networks.settings.dns_address)
    assert made.connects(address, 53) == "yes"
    assert ask(made, address, "deb.debian.org") > 0


def ask(place: Place, server: str, name: str) -> int:
    """How many answers a DNS question gets; -1 for none at all."""
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    packet = (
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + question + b"\x00\x00\x01\x00\x01"
    )
    code = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)\n"
        "for _ in range(10):\n"  # as resolvers do: a datagram may get lost
        f"    s.sendto({packet!r}, ({server!r}, 53))\n"
        "    try: answer = s.recv(512)\n"
        "    except TimeoutError: continue\n"
        "    if answer[3] & 15 == 2: continue\n"  # the server failed (RFC 1035, 4.1.1)
        "    print(int.from_bytes(answer[6:8], 'big')); break\n"
        "else: raise SystemExit(1)"
    )
    done = place.python(code)
    return int(done.text) if done.status == 0 else -1


def test_bandwidth_is_limited_both_ways(place: Make) -> None:
    limited = place(1, network_ingress_bps=1_000_000, network_egress_bps=500_000)
    with serving(limited), socket.create_connection((limited.address, 5000), 60) as link:
        started = time.monotonic()
        link.sendall(b"?500000")
        received = 0
        while received < 500_000:
            received += len(link.recv(65536))
        out_s = time.monotonic() - started
    with serving(limited), socket.create_connection((limited.address, 5000), 60) as link:
        started = time.monotonic()
        link.sendall(b"." * 1_500_000)
        link.shutdown(socket.SHUT_WR)
        link.recv(1)
        in_s = time.monotonic() - started
    assert 0.7 < out_s < 60
    assert 1.1 < in_s < 60


def test_attaching_many_at_once_gives_each_its_own_address(place: Make) -> None:
    places: list[Place] = []
    threads = [threading.Thread(target=lambda: places.append(place(1))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({made.address for made in places}) == 6


def test_detaching_leaves_nothing_and_may_be_done_twice(
    place: Make, networks: Networks, settings: Settings
) -> None:
    made = place()
    assert networks.found() == {made.id}
    networks.detach(made.id)
    networks.detach(made.id)
    assert networks.found() == set()
    assert not made.attachment.network_namespace.exists()
    assert settings.link(made.id) not in Runner().run(("nft", "list", "ruleset")).text


def test_a_restarted_daemon_knows_who_is_attached(place: Make, settings: Settings) -> None:
    made = place()
    restarted = Networks(settings, Runner())
    restarted.ensure()
    assert restarted.found() == {made.id}
    spec = ContainerSpec("b" * 10, "app1", 1, Kind.APP, "web", 2, (), ())
    assert restarted.attach(spec).address != made.attachment.address
    with serving(made):
        socket.create_connection((made.address, 5000), 30).close()
    restarted.detach(spec.id)
    assert restarted.found() == {made.id}
    restarted.close()


def test_a_restarted_daemon_gives_no_address_twice(place: Make, settings: Settings) -> None:
    made = place()
    restarted = Networks(settings, Runner())
    restarted.ensure()
    room = settings.subnet(1).num_addresses - 3
    given = {restarted._addresses[1].take(str(number)) for number in range(room - 1)}
    assert len(given) == room - 1
    assert made.attachment.address not in given
    restarted.close()


def test_a_spoofed_address_gets_nowhere_after_a_restart_either(
    place: Make, settings: Settings
) -> None:
    made, neighbour = place(1), place(1)
    restarted = Networks(settings, Runner())
    restarted.ensure()
    spoofs(made, neighbour.address, place(1))
    restarted.close()


def test_rules_that_somebody_flushed_come_back(place: Make, networks: Networks) -> None:
    mine, other = place(1), place(2)
    for family in ("inet", "bridge"):
        Runner().run(("nft", "delete", "table", family, networks.settings.table_name))
    networks.ensure()
    with serving(other):
        assert "yes" not in mine.connects(other.address, 5000)
    assert ask(mine, str(networks.settings.dns_address), "deb.debian.org") > 0


def test_a_failed_attach_leaves_nothing(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PaasError("no")

    monkeypatch.setattr(links, "configure_inside", fail)
    with pytest.raises(PaasError, match="no"):
        networks.attach(ContainerSpec("c" * 10, "app", 1, Kind.APP, "web", 1, (), ()))
    assert networks.found() == set()


def test_an_address_pool_somebody_else_uses_is_refused(networks: Networks) -> None:
    other = replace(networks.settings, name="zz")
    with pytest.raises(PaasError, match=f"link {networks.settings.bridge(0)}") as error:
        Networks(other, Runner()).ensure()
    assert "subnet_pool" in error.value.hint


def test_an_app_that_is_gone_leaves_no_bridge(
    place: Make, networks: Networks, settings: Settings
) -> None:
    made = place(4)
    networks.detach(made.id)
    networks.remove_app(4)
    networks.remove_app(4)
    assert settings.bridge(4) not in [link.name for link in links.scan()]
    assert not made.attachment.user_namespace.exists()
    assert f'"{settings.bridge(4)}"' not in Runner().run(("nft", "list", "ruleset")).text


def test_clearing_leaves_nothing_of_the_instance(place: Make, networks: Networks) -> None:
    settings = networks.settings
    place(1), place(2)
    networks.clear()
    networks.clear()
    assert not [link for link in links.scan() if link.name.startswith(settings.name)]
    assert f" {settings.table_name} " not in Runner().run(("nft", "list", "tables")).text + " "
    assert str(settings.run_dir) not in Path("/proc/self/mounts").read_text()
    assert networks.forwarder.pid() is None


def test_a_freed_address_rests_before_it_is_given_again() -> None:
    addresses = Addresses(IPv4Network("10.0.0.0/28"))
    first = addresses.take("a")
    addresses.free("a")
    following = [addresses.take(str(n)) for n in range(12)]
    assert first not in following
    assert addresses.take("last") == first


def test_a_full_network_says_so() -> None:
    addresses = Addresses(IPv4Network("10.0.0.0/29"))
    taken = {addresses.take(str(n)) for n in range(5)}
    assert IPv4Address("10.0.0.1") not in taken
    with pytest.raises(PaasError, match="no free address"):
        addresses.take("one more")
