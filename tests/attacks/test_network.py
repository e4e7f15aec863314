"""Scans: an app reaches the world, its own processes, and nothing else."""

import json
import socket
from ipaddress import IPv4Interface

from tests.attacks.conftest import probe
from tests.e2e.instance import Instance, Repository


def address_of(platform: Instance, app: str) -> str:
    inspected = platform.json("ps:inspect", app)
    assert isinstance(inspected, list)
    return str(next(one["address"] for one in inspected if one["running"]))


def gateway_of(platform: Instance, address: str) -> str:
    """The host's address on the bridge of a container."""
    subnet = IPv4Interface(f"{address}/{platform.settings.subnet_prefix}").network
    return str(subnet[1])


def uplink() -> str:
    """The host's own address towards the world."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("192.0.2.1", 9))
        return str(one.getsockname()[0])


def test_host_gateways_metadata_and_neighbours_are_closed(platform: Instance, evil: Repository):
    settings = platform.settings
    victim, own = address_of(platform, "victim"), address_of(platform, "evil")
    gateways = [gateway_of(platform, one) for one in (victim, own)]
    ports = [22, 80, 443, 111, 2222, settings.ssh_port, settings.http_port, settings.https_port]
    hosts = [*gateways, uplink(), str(settings.dns_address)]
    metadata = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16"]
    wish = {
        "tcp": [
            *([host, port] for host in hosts for port in ports),
            *([host, 80] for host in metadata),
            *([victim, port] for port in (22, 80, 5000)),
            *([gateway, 53] for gateway in gateways),
        ],
        "udp": [*([gateway, 53] for gateway in gateways), [uplink(), 53], ["169.254.169.253", 53]],
        "spoof": [victim, str(settings.dns_address)],
    }
    found = probe(platform, "network", json.dumps(wish))
    assert found["tcp"] == []
    assert found["udp"] == []
    assert found["spoof"] != "sent"
    assert found["transparent"] == "refused"


def test_the_victims_log_has_nobody_elses_requests(platform: Instance, evil: Repository):
    assert "spoofed" not in platform.ok("logs", "victim", "-n", "1000")
