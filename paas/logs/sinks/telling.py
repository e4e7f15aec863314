"""Telling of a sink that it begins to fail, and that it works again.

Once a change, and a minute apart at least: of a sink that comes and goes, how it is then.
Touches: nothing; whoever is told is given.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

APART_S = 60.0
NAMED = 5  # apps

Tell = Callable[[str, bool], None]  # in which words, and whether it is well


@dataclass(frozen=True, slots=True)
class State:
    """Whether a sink takes anything, and which apps' lines it does not want."""

    failing: bool = False
    unwanted: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        return self == WELL


WELL = State()


class Telling:
    """How one sink is, and what was told of it last. Used by one thread.

    well: whether no failure was told last, by the daemon before this one.
    """

    def __init__(self, tell: Tell, *, well: bool) -> None:
        self._tell = tell
        self._told: State | None = WELL if well else None  # None: that it fails
        self._now: tuple[State, str] | None = None
        self._told_at: float | None = None

    def note(self, state: State, why: str) -> None:
        """How it is now, and why it takes nothing, or nothing of some apps."""
        self._now = (state, why)
        if self._told is None and not state.well:
            self._told = state
        self.tell()

    def due_s(self) -> float | None:
        """Until what changed may be told; None when nothing did."""
        if self._now is None or self._now[0] == self._told:
            return None
        if self._told_at is None:
            return 0.0
        return max(0.0, self._told_at + APART_S - time.monotonic())

    def tell(self) -> None:
        """Tell what changed, if something did and it is time."""
        if self._now is None or self.due_s() != 0.0:
            return
        state, why = self._now
        self._told, self._told_at = state, time.monotonic()
        self._tell(words(state, why), state.well)


def words(state: State, why: str) -> str:
    """`takes no logs: it answered with status 503`."""
    if state.well:
        return "takes logs again"
    more = len(state.unwanted) - NAMED
    apps = ", ".join(state.unwanted[:NAMED]) + f" and {more} more" * (more > 0)
    return f"takes no logs{'' if state.failing else f' of {apps}'}: {why}"
