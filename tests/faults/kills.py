"""Random operations, and the daemon killed at a random moment of each, time and again.

What is played is drawn from a seed; when exactly a kill hits is the machine's business.
"""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.faults import invariants
from tests.faults.case import outcome
from tests.faults.operations import OPERATIONS, Operation
from tests.faults.stage import Done, Stage

# beyond an operation's usual time its containers are still being retired
LONGER = 1.3
# how often the daemon is killed once more while it comes up, and within which time
AGAIN = 0.25
COMING_UP_S = 1.5


def nothing(_stage: Stage) -> tuple[str, str]:
    return "", ""


def command(*words: str) -> Callable[[Stage], Done]:
    """A command about the app; what it is called comes after the first word."""
    return lambda stage: stage.instance.paas(words[0], stage.app, *words[1:])


def same(_stage: Stage) -> str:
    return ""


# these change nothing: what is asked of them is that they leave nothing
PASSING = {
    name: Operation(name, nothing, command(*words), same)
    for name, words in {
        "run": ("run", "sleep", "1"),
        "run:detached": ("run:detached", "sleep", "1"),
        "logs": ("logs",),
        "enter": ("enter", "web", "sleep", "1"),
        "checks:run": ("checks:run",),
        "releases:list": ("releases:list",),
    }.items()
}
PLAYED = OPERATIONS | PASSING


@dataclass(frozen=True)
class Round:
    """One operation and its kill: what was told, what came of it, and what was wrong."""

    number: int
    operation: str
    after_s: float
    again: bool
    status: int
    state: str
    up_s: float
    problems: Sequence[str]

    def __str__(self) -> str:
        twice = ", and once more coming up" if self.again else ""
        return (
            f"{self.number}: {self.operation} killed after {self.after_s:.3f} s{twice}: "
            f"exit {self.status}, {self.state or 'over'}, up in {self.up_s:.2f} s"
        )


@dataclass
class Kills:
    """One stage's rounds."""

    stage: Stage
    dice: random.Random
    usual_s: dict[str, float] = field(default_factory=dict)

    def play(self, count: int) -> Iterator[Round]:
        """So many rounds, each over and judged when it is given."""
        for name, operation in PLAYED.items():
            operation.prepare(self.stage)
            began = time.monotonic()
            done = operation.run(self.stage)
            assert done.returncode == 0, (name, done.stderr)
            self.usual_s[name] = time.monotonic() - began
        for number in range(1, count + 1):
            yield self._round(number, self.dice.choice(list(PLAYED.values())))

    def _round(self, number: int, operation: Operation) -> Round:
        stage = self.stage
        stage.instance.log_mark = (stage.instance.root / "paasd.log").stat().st_size
        after_s = self.dice.uniform(0, self.usual_s[operation.name] * LONGER)
        again = self.dice.random() < AGAIN
        old, new = operation.prepare(stage)
        done = self._killed(operation, after_s)
        up_s = self._up(again)
        problems = invariants.check(stage.instance)
        now = operation.now(stage)
        problems += outcome(now, old, new, done)
        problems += stage.prober.take_failures()
        state = {old: "undone", new: "done"}.get(now, now) if old != new else ""
        return Round(number, operation.name, after_s, again, done.returncode, state, up_s, problems)

    def _killed(self, operation: Operation, after_s: float) -> Done:
        """Run an operation and kill the daemon meanwhile; how it ended."""
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(operation.run, self.stage)
            time.sleep(after_s)
            self.stage.instance.kill()
            return running.result()

    def _up(self, again: bool) -> float:
        """Start the daemon, killing it once more on the way if so told; how long it took."""
        instance = self.stage.instance
        if again:
            instance.launch()
            time.sleep(self.dice.uniform(0, COMING_UP_S))
            instance.kill()
        began = time.monotonic()
        instance.start()
        return time.monotonic() - began


@dataclass
class Figures:
    """What many rounds came to."""

    rounds: list[Round] = field(default_factory=list)

    def table(self) -> str:
        """By operation: kills, how many had told success, how many were done all the same."""
        by: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for one in self.rounds:
            by[one.operation].update(
                kills=1,
                told=one.status == 0,
                done=one.state == "done",
                wrong=bool(one.problems),
            )
        lines = [f"{'operation':<15}{'kills':>7}{'told':>7}{'done':>7}{'wrong':>7}"]
        for name, found in sorted(by.items()):
            cells = "".join(f"{found[key]:>7}" for key in ("kills", "told", "done", "wrong"))
            lines.append(f"{name:<15}{cells}")
        times = sorted(one.up_s for one in self.rounds)
        wrong = sum(bool(one.problems) for one in self.rounds)
        kills = len(self.rounds) + sum(one.again for one in self.rounds)
        lines.append(
            f"{kills} kills, {wrong} rounds with violations; up again in "
            f"{times[len(times) // 2]:.2f} s (median), {times[-1]:.2f} s (worst)"
        )
        return "\n".join(lines)
