"""Rows of the table: what is measured, what it has to reach, and what came out."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Outcome:
    """One row's numbers. ratio compares with the peer or the bound; None: there is no peer here."""

    what: str
    reach: str
    measured: str
    ratio: str
    ok: bool | None
    samples: dict[str, list[float]] = field(default_factory=dict)


def median(samples: Sequence[float]) -> float:
    return statistics.median(samples)


def timed(errand: Callable[[], object]) -> float:
    """Seconds an errand takes."""
    began = time.perf_counter()
    errand()
    return time.perf_counter() - began


def repeated(runs: int, errand: Callable[[int], float]) -> list[float]:
    """The numbers of several runs, the run's number given to each."""
    return [errand(number) for number in range(runs)]


def alternating(runs: int, **errands: Callable[[int], float]) -> dict[str, list[float]]:
    """Several runs of each errand, taking turns, so that a busy moment hits all of them."""
    samples: dict[str, list[float]] = {name: [] for name in errands}
    for number in range(runs):
        for name, errand in errands.items():
            samples[name].append(errand(number))
    return samples


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def table(outcomes: Sequence[Outcome]) -> str:
    """Columns for people."""
    verdicts = {True: "yes", False: "NO", None: "no peer"}
    header = ("what", "reach", "measured", "ratio", "ok")
    rows = [header, *((o.what, o.reach, o.measured, o.ratio, verdicts[o.ok]) for o in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def as_json(outcomes: Sequence[Outcome]) -> str:
    return json.dumps([asdict(outcome) for outcome in outcomes], indent=2)
