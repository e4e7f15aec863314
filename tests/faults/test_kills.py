"""The daemon killed at random moments of random operations: the short run of bin/soak kills."""

import random
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.case import log
from tests.faults.kills import Figures, Kills
from tests.faults.stage import Stage

KILLS = 50


@pytest.mark.timeout(900)
def test_whenever_the_daemon_is_killed_nothing_is_lost_and_nothing_left(stages: list[Stage]):
    seed = secrets.randbits(32)
    figures = Figures()

    def play(place: int) -> list[str]:
        """What was wrong on one stage, round by round, with what the daemon said."""
        kills = Kills(stages[place], random.Random(f"{seed}/{place}"))
        problems = []
        for one in kills.play(len(range(place, KILLS, len(stages)))):
            figures.rounds.append(one)
            if one.problems:
                problems += [f"{place}/{one}", *one.problems, log(stages[place].instance)]
        return problems

    with ThreadPoolExecutor(len(stages)) as pool:
        problems = [one for found in pool.map(play, range(len(stages))) for one in found]
    assert problems == [], f"seed {seed}\n" + "\n".join(problems)
    assert len(figures.rounds) == KILLS
