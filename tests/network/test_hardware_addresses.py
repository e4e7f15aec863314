"""MAC addresses stay what neighbours have learnt, whoever comes and goes on a network."""

from collections.abc import Callable
from pathlib import Path

from paas.network import links
from paas.network.networks import Networks
from paas.settings import Settings
from tests.network.conftest import Place

Make = Callable[..., Place]


def test_a_bridge_keeps_its_mac_address_whatever_joins_and_leaves(
    place: Make, networks: Networks, settings: Settings
) -> None:
    file = Path("/sys/class/net") / settings.bridge(1) / "address"
    seen = set()
    for made in [place() for _ in range(6)]:
        seen.add(file.read_text().strip())
        networks.detach(made.id)
        networks.found()
        seen.add(file.read_text().strip())
    gateway = settings.subnet(1)[1]
    assert seen == {links.hardware_address(gateway)}


def test_whoever_has_an_address_next_has_its_mac_address_too(place: Make) -> None:
    made = place()
    shown = made.run("ip", "link", "show", "eth0").text
    assert links.hardware_address(made.attachment.address) in shown
