"""Many pushes at once, of as many apps and then of one: none is lost."""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

from tests.scale.fleet import WIDE, Fleet, own_instance


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--pushes", type=int, default=20, help="pushes at once (default 20)")
    add("--rounds", type=int, default=3, help="how often (default 3)")


def run(options: argparse.Namespace) -> list[str]:
    """Push to new apps, then to one that has all wait, then to one where the newest wins."""
    problems: list[str] = []
    with own_instance({"PAAS_RELEASES_KEPT": "1000"}, **WIDE) as instance:
        fleet = Fleet(instance)
        for number in range(1, options.rounds + 1):
            began = time.monotonic()
            problems += fleet.grow(number * options.pushes, at_once=options.pushes)
            print(f"{options.pushes} new apps: {time.monotonic() - began:.1f} s", flush=True)
        waiting, replacing = fleet.names[:2]
        instance.ok("git:set", waiting, "queue", "wait")
        for _ in range(options.rounds):
            problems += to_one(fleet, waiting, options.pushes, lost="")
            problems += to_one(fleet, replacing, options.pushes, lost="takes its place")
    return problems


def to_one(fleet: Fleet, app: str, pushes: int, *, lost: str) -> list[str]:
    """Pushes to one app at once; lost: what those are told that may be left out, "": none may."""
    commits = [fleet.commit(f"{app} {number} {time.time()}") for number in range(pushes)]
    began = time.monotonic()
    with ThreadPoolExecutor(pushes) as pool:
        outcomes = list(pool.map(lambda one: fleet.push(app, f"+{one}:refs/heads/main"), commits))
    deployed = sum(not one.returncode for one in outcomes)
    words = [one.stderr.decode() for one in outcomes if one.returncode]
    print(f"{pushes} of {app}: {deployed} deployed, {time.monotonic() - began:.1f} s", flush=True)
    wrong = [text for text in words if not lost or lost not in text]
    serving = fleet.instance.json("releases:info", app)["commit"]  # type: ignore[index]
    if fleet.branch(app) != serving:
        wrong.append(f"{app} serves {serving}, its branch is at {fleet.branch(app)}")
    return wrong
