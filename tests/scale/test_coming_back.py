"""The daemon killed, the whole machine gone: every app is back, in order, none as another."""

import json
import re
import time
from datetime import UTC, datetime

import pytest

from paas.deploy.restoring import AT_ONCE
from tests.scale import power
from tests.scale.conftest import APPS, PATIENCE_S
from tests.scale.fleet import Fleet, containers, wait_until
from tests.scale.witness import CLOSED, SERVED, STARTING, Witness

pytestmark = pytest.mark.timeout(900)

BEGUN = re.compile(r"starting web\.1 of (\S+), which should run")


def test_a_killed_daemon_comes_back_to_the_same_containers(fleet: Fleet, witness: Witness):
    before = containers(fleet.instance)
    fleet.instance.kill()
    fleet.instance.start()
    assert fleet.instance.ssh("apps:list").returncode == 0
    assert containers(fleet.instance) == before
    since = time.monotonic()
    assert wait_until(lambda: len(witness.first_served(since)) == APPS, PATIENCE_S)
    assert witness.unexpected(SERVED) == []


def test_after_a_reboot_every_app_is_back_and_none_answers_for_another(
    fleet: Fleet, witness: Witness
):
    power.cut(fleet.instance)
    since = time.monotonic()  # what was asked before may have been cut short with the rest
    fleet.instance.start()
    assert wait_until(lambda: len(witness.first_served(since)) == APPS, PATIENCE_S)
    later = [one for one in witness.answers[:] if one.asked >= since]
    assert {one.outcome for one in later} <= {SERVED, STARTING, CLOSED}
    assert STARTING in {one.outcome for one in later}
    assert [one for one in witness.answers[:] if "wrong app" in one.outcome] == []


def test_apps_come_back_after_those_they_need_and_urgent_ones_first(fleet: Fleet):
    names = fleet.names
    needed, middle, urgent = names[-1], names[-2], names[0]
    fleet.instance.ok("ps:set", middle, "start-after", needed)
    fleet.instance.ok("ps:set", urgent, "start-after", f"{middle},{needed}")
    fleet.instance.ok("ps:set", urgent, "priority", "5")
    earlier = len(begun_in_order(fleet))
    since = reboot(fleet)
    assert wait_until(lambda: set(back_in_order(fleet, since)) == set(names), PATIENCE_S)
    back = back_in_order(fleet, since)
    assert [name for name in back if name in (needed, middle, urgent)] == [needed, middle, urgent]
    begun = begun_in_order(fleet)[earlier:]
    assert needed in begun[:AT_ONCE]  # the last by name, as urgent as the one that needs it


def test_an_app_that_cannot_start_keeps_nobody_down(fleet: Fleet):
    broken, others = fleet.names[2], set(fleet.names) - {fleet.names[2]}
    fleet.instance.ok("ps:set", fleet.names[3], "start-after", broken)
    fleet.instance.ok("checks:set", broken, "path", "/nothing-says-this")
    fleet.instance.ok("checks:set", broken, "content", "nothing says this")
    try:
        since = reboot(fleet)
        assert wait_until(lambda: set(back_in_order(fleet, since)) >= others, PATIENCE_S)
        assert broken not in back_in_order(fleet, since)
    finally:
        fleet.instance.ok("checks:set", broken, "path")
        fleet.instance.ok("checks:set", broken, "content")
        fleet.instance.ok("ps:restart", broken)  # up again for whoever comes next


def reboot(fleet: Fleet) -> datetime:
    """The machine gone and back; when it was gone."""
    power.cut(fleet.instance)
    gone = datetime.now(UTC)
    fleet.instance.start()
    return gone


def begun_in_order(fleet: Fleet) -> list[str]:
    """The apps whose start some daemon has begun, in that order."""
    return BEGUN.findall((fleet.instance.root / "paasd.log").read_text())


def back_in_order(fleet: Fleet, since: datetime) -> list[str]:
    """The apps that are up again since then, in that order."""
    text = fleet.instance.ok("events", "-n", "2000", "--format", "json")
    events = [json.loads(line) for line in text.splitlines()]
    return [
        event["app"]
        for event in events
        if (event["action"], event["result"]) == ("restart", "succeeded")
        and datetime.fromisoformat(event["at"]) >= since
    ]
