"""The daemon killed, and then the whole machine gone, under many apps: how soon all are back."""

import argparse
import statistics
import time

from tests.scale import power
from tests.scale.fleet import WIDE, Fleet, containers, own_instance, wait_until
from tests.scale.witness import CLOSED, SERVED, STARTING, Witness

KILLS = 5
PATIENCE_S = 300


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--apps", type=int, default=200, help="small apps that run (default 200)")
    add("--at-once", type=int, default=4, help="pushes at once while they are made")


def run(options: argparse.Namespace) -> list[str]:
    """Make the apps, kill the daemon a few times, cut the power; what was wrong."""
    with own_instance(**WIDE) as instance:
        fleet = Fleet(instance)
        problems = fleet.grow(options.apps, options.at_once)
        with Witness(instance.settings.http_port, fleet.domains) as witness:
            problems += killed(fleet)
            problems += [f"with the daemon killed: {one}" for one in witness.unexpected(SERVED)]
            problems += cut(fleet, witness)
    return problems


def killed(fleet: Fleet) -> list[str]:
    """Seconds from a kill -9 to the first answer over SSH, with everything adopted by then."""
    before, taken = containers(fleet.instance), []
    for _ in range(KILLS):
        fleet.instance.kill()
        began = time.monotonic()
        fleet.instance.launch()
        while fleet.instance.ssh("apps:list").returncode:
            time.sleep(0.01)
        taken.append(time.monotonic() - began)
    median, shown = statistics.median(taken), ", ".join(f"{one:.2f}" for one in taken)
    print(f"daemon killed: SSH answers after {median:.2f} s ({shown})", flush=True)
    same = containers(fleet.instance) == before
    return [] if same else ["after the daemon was killed there are other containers than before"]


def cut(fleet: Fleet, witness: Witness) -> list[str]:
    """The reboot, without the seconds in which a machine itself comes up."""
    power.cut(fleet.instance)
    began = time.monotonic()
    fleet.instance.launch()
    wait_until(lambda: len(witness.first_served(began)) == len(fleet.names), PATIENCE_S)
    back = sorted(witness.first_served(began).values())
    later = [one for one in witness.answers[:] if one.asked >= began]
    if back:
        first, half, last = (f"{back[at]:.2f} s" for at in (0, len(back) // 2, -1))
        print(f"power cut: the first app serves after {first}, half after {half}, all after {last}")
    wrong = [one for one in later if one.outcome not in {SERVED, STARTING, CLOSED}]
    missing = sorted(set(fleet.names) - set(witness.first_served(began)))
    return [*map(str, wrong), *(f"{name} did not come back" for name in missing)]
