"""The daemon killed at random moments of random operations, and everything asked afterwards."""

import argparse
import random
import secrets
from concurrent.futures import ThreadPoolExecutor

from tests.faults.case import log
from tests.faults.kills import Figures, Kills
from tests.faults.stage import staged


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--count", type=int, default=1000, help="rounds; some have two kills")
    add("--seed", type=int, default=None, help="what to draw from, as printed by an earlier run")
    add("--at-once", type=int, default=2, help="instances side by side")


def run(options: argparse.Namespace) -> list[str]:
    """Play the rounds; what was wrong, with the daemon's log of those rounds."""
    seed = secrets.randbits(32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    figures = Figures()

    def play(place: int) -> list[str]:
        share = len(range(place, options.count, options.at_once))
        return rounds(random.Random(f"{seed}/{place}"), share, figures, place)

    with ThreadPoolExecutor(options.at_once) as pool:
        found = [one for problems in pool.map(play, range(options.at_once)) for one in problems]
    print(figures.table())
    return found


def rounds(dice: random.Random, count: int, figures: Figures, place: int) -> list[str]:
    """One instance's rounds, each told as it is over."""
    problems = []
    with staged() as stage:
        for one in Kills(stage, dice).play(count):
            figures.rounds.append(one)
            print(f"{place}/{one}", flush=True)
            if one.problems:
                problems += [f"{place}/{one}", *one.problems, log(stage.instance)]
                print("\n".join(one.problems), flush=True)
    return problems
