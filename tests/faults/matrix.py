"""The matrix: every operation at every failpoint it passes, played on several stages at once.

What is one operation's own code meets every fault there; of the code that all share, each
operation meets another fault at each point (or every one, when asked for).
"""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.faults.case import ACTIONS, meets
from tests.faults.operations import OPERATIONS, Operation
from tests.faults.points import passed_by
from tests.faults.stage import Stage

Played = dict[tuple[str, str], Future[list[str]]]
SHARED = ("boot", "health", "route", "retire", "release", "store")


@dataclass
class Matrix:
    """Plays operations in the order they are asked for; each on whatever stage is free."""

    stages: Sequence[Stage]
    whole: bool = False
    passed: set[str] = field(default_factory=set)  # points that some operation passes

    def __post_init__(self) -> None:
        self._free = list(self.stages)
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(len(self.stages))

    def play(self, names: Sequence[str], only: Collection[str] | None = None) -> Played:
        """By operation and point, what was wrong, once that is known; only: at these points."""
        points = {name: self._on_a_stage(self._look, OPERATIONS[name]) for name in names}
        found: Played = {}
        for place, name in enumerate(names):
            for step, point in enumerate(sorted(points[name].result())):
                if only is None or point in only:
                    actions = self._actions(name, point, place + step)
                    outcome = self._on_a_stage(meets, OPERATIONS[name], point, actions)
                    found[name, point] = outcome
        return found

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _actions(self, name: str, point: str, turn: int) -> tuple[str, ...]:
        shared = point.partition(".")[0] in SHARED and name != "push"
        return ACTIONS if self.whole or not shared else (ACTIONS[turn % len(ACTIONS)],)

    def _look(self, stage: Stage, operation: Operation) -> set[str]:
        found = set(passed_by(stage, operation))
        self.passed |= found
        return found

    def _on_a_stage(self, action: Callable[..., object], *arguments: object) -> Future:
        return self._pool.submit(self._with_stage, action, *arguments)

    def _with_stage(self, action: Callable[..., object], *arguments: object) -> object:
        with self._lock:
            stage = self._free.pop()
        try:
            return action(stage, *arguments)
        finally:
            with self._lock:
                self._free.append(stage)


@contextmanager
def matrix(stages: Sequence[Stage], *, whole: bool = False) -> Iterator[Matrix]:
    """A matrix on these stages; nothing of it is under way afterwards."""
    made = Matrix(stages, whole)
    try:
        yield made
    finally:
        made.close()
