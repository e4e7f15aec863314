"""What happened to every exchange, and what it amounts to."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

# of these a figure is made; the others are few, and one waits for the speed of its own line
QUICK = ("new", "kept", "post", "echo")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, or one echo of a websocket."""

    kind: str
    app: str
    began: float  # seconds, monotonic
    lasted_s: float  # beyond what was asked for: a poll of 25 s answered at once lasted 0 s
    failure: str = ""
    release: int = 0
    process: str = ""


@dataclass(slots=True)
class Record:
    """Every exchange of a run, in the order they ended."""

    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def failures(self) -> list[Exchange]:
        return [one for one in self.exchanges if one.failure]

    def between(self, began: float, ended: float) -> "Record":
        """The exchanges that began within a span of time."""
        return Record([one for one in self.exchanges if began <= one.began < ended])

    def of(self, condition: Callable[[Exchange], bool]) -> "Record":
        return Record([one for one in self.exchanges if condition(one)])

    def kinds(self) -> Counter[str]:
        """How many exchanges of each kind."""
        return Counter(one.kind for one in self.exchanges)

    def slowest(self, count: int) -> list[Exchange]:
        """Those that took longest."""
        return sorted(self.exchanges, key=lambda one: -one.lasted_s)[:count]

    def quantiles(self, kinds: Iterable[str] = QUICK) -> dict[str, float]:
        """Milliseconds within which half, 90, 99 and all of the exchanges of kinds ended."""
        wanted = set(kinds)
        times = sorted(
            one.lasted_s for one in self.exchanges if one.kind in wanted and not one.failure
        )
        return {
            name: round(quantile(times, share) * 1000, 2)
            for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
        }

    def summary(self) -> dict[str, Any]:
        """Counts and quantiles by kind, for the table and for JSON."""
        return {
            kind: {
                "requests": count,
                "failures": sum(one.kind == kind for one in self.failures),
                **self.quantiles([kind]),
            }
            for kind, count in sorted(self.kinds().items())
        }


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed; 0.0 of none."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
