"""Hundreds of small apps on this machine, each reachable, and what each one more costs."""

import argparse

from tests.scale import figures
from tests.scale.fleet import WIDE, Fleet, own_instance

STEPS = "1,50,100,200,300,400,500"


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--steps", default=STEPS, help=f"at how many apps to measure (default {STEPS})")
    add("--at-once", type=int, default=4, help="pushes at once while the fleet grows")


def run(options: argparse.Namespace) -> list[str]:
    """Grow, measure, grow on; every push that failed and every app that does not answer."""
    problems: list[str] = []
    levels: list[figures.Level] = []
    with own_instance(**WIDE) as instance:
        fleet = Fleet(instance)
        before = figures.available_bytes()
        for count in map(int, options.steps.split(",")):
            problems += fleet.grow(count, options.at_once)
            levels.append(figures.level(fleet, before))
            print(figures.table(levels).splitlines()[-1], flush=True)
            if missing := levels[-1].unreachable:
                problems.append(f"{missing} of {count} apps do not answer")
    print(figures.table(levels))
    return problems
