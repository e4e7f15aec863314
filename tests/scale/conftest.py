"""One instance with a fleet of small apps, which came by pushes that were made all at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.scale.fleet import Fleet, own_instance
from tests.scale.witness import Witness

APPS = 20
PATIENCE_S = 180.0  # until all of them are up, also on a busy machine


@dataclass(frozen=True)
class Pushed:
    """The fleet, and what happened while it was pushed: what failed, and what was asked."""

    fleet: Fleet
    failed: list[str]


@pytest.fixture(scope="session")
def pushed() -> Iterator[Pushed]:
    quick = {"drain_s": 3.0, "stop_grace_s": 2.0, "check_wait_s": 0.2, "patrol_s": 5.0}
    with own_instance({"PAAS_RELEASES_KEPT": "50"}, **quick) as instance:
        fleet = Fleet(instance)
        yield Pushed(fleet, fleet.grow(APPS, at_once=APPS))


@pytest.fixture
def fleet(pushed: Pushed) -> Fleet:
    """Every app of it is up."""
    assert pushed.failed == []
    return pushed.fleet


@pytest.fixture
def witness(fleet: Fleet) -> Iterator[Witness]:
    with Witness(fleet.instance.settings.http_port, fleet.domains) as asking:
        yield asking
