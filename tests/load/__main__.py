"""`python -m tests.load --deploys 100`: operations under load on an instance of its own.

Prints what became of every exchange and writes it as JSON. Exit code 0 when nothing was
lost: no failed exchange, no failed operation, no container left that should be gone.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.e2e.instance import Instance
from tests.load.client import NEIGHBOUR, Mix
from tests.load.driver import Driver, Operation
from tests.load.load import Load
from tests.load.record import Exchange, Record
from tests.load.stage import deployed, own_instance, target

APP, OTHER = "busy", "calm"
SHOWN = 20
OPERATOR_NICE = 10


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--deploys", type=int, default=20, help="operations; every second one is a push")
    add("--minutes", type=float, default=30, help="begin no operation after that long")
    add("--instances", type=int, default=2, help="web processes of the app")
    add("--pause", type=float, default=2.0, help="seconds between operations")
    add("--quiet", type=float, default=20.0, help="seconds of load before the first operation")
    add("--poll", type=float, default=25.0, help="seconds of a long poll")
    add("--session", type=float, default=30.0, help="longest websocket session, seconds")
    add("--upload", type=int, default=100, help="MiB of an upload")
    add("--rate", type=int, default=20, help="MiB a second of an upload")
    add("--drain", type=float, default=60.0, help="the instance's drain time, seconds")
    add("--json", type=Path, default=None, help="where the report goes as JSON")
    add("--log", type=Path, default=None, help="where the daemon's log is copied to")


def soak(options: argparse.Namespace) -> list[str]:
    """Play it, show the figures; what was wrong, in words."""
    with own_instance(drain_s=options.drain) as instance:
        report = run(instance, options)
        if options.log:
            options.log.write_text((instance.root / "paasd.log").read_text())
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    wrong = [f"{count} x {words}" for words, count in report["failures"].items()]
    wrong += report["failed_operations"]
    return [*wrong, f"{report['left']} containers left"] if report["left"] else wrong


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    arguments(parser)
    return 1 if soak(parser.parse_args(argv)) else 0


def run(instance: Instance, options: argparse.Namespace) -> dict[str, Any]:
    """Load, a quiet while, operations, the end; the report."""
    repository = deployed(instance, APP, options.instances)
    deployed(instance, OTHER, 1)
    mix = replace(
        Mix(),
        poll_s=options.poll,
        socket_s=options.session,
        upload_bytes=options.upload << 20,
        upload_bytes_per_s=options.rate << 20,
    )
    load = Load({APP: (target(instance, APP), mix), OTHER: (target(instance, OTHER), NEIGHBOUR)})
    driver = Driver(repository, options.instances)
    # git, ssh and the client of the operations stand for another machine: they yield to this one
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), OPERATOR_NICE)
    load.begin()
    try:
        began = time.monotonic()
        time.sleep(options.quiet)
        first = time.monotonic()
        driver.run(options.deploys, options.pause, first + options.minutes * 60)
        last = time.monotonic()
    finally:
        load.end()
    left = left_over(instance, expected=driver.instances_now + 1, wait_s=options.drain)
    return report_of(load.record, driver.done, (began, first, last), left)


def left_over(instance: Instance, expected: int, wait_s: float) -> int:
    """How many containers more than expected are still there once they may no longer drain."""
    place = instance.settings.run_dir / "containers"
    deadline = time.monotonic() + wait_s
    while len(list(place.iterdir())) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    return len(list(place.iterdir())) - expected


def report_of(
    record: Record, operations: Sequence[Operation], times: tuple[float, float, float], left: int
) -> dict[str, Any]:
    began, first, last = times
    during = record.of(lambda one: first <= one.began < last)
    busy = during.of(lambda one: overlaps(one, operations))
    pauses = during.of(lambda one: not overlaps(one, operations))
    words = Counter(f"{one.app}: {one.kind}: {one.failure}" for one in record.failures)
    return {
        "seconds": {"quiet": round(first - began, 1), "operations": round(last - first, 1)},
        "kinds": record.summary(),
        "quiet_ms": record.between(began, first).quantiles(),
        "during_ms": during.quantiles(),
        "within_operations_ms": busy.quantiles(),
        "pauses_ms": pauses.quantiles(),
        "neighbour_quiet_ms": of_app(record.between(began, first), OTHER).quantiles(),
        "neighbour_during_ms": of_app(during, OTHER).quantiles(),
        "failures": dict(words),
        "wrong_app": sum("wrong app" in one.failure for one in record.failures),
        "went_back": sum("went back" in one.failure for one in record.failures),
        "first_failures": told(record.failures[:SHOWN], first),
        "slowest": told(record.slowest(SHOWN), first),
        "operations": durations(operations),
        "operations_at": [
            (one.name, round(one.began - first, 3), round(one.ended - first, 3))
            for one in operations
        ],
        "failed_operations": [f"{one.name}: {one.failure}" for one in operations if one.failure],
        "left": left,
    }


def told(exchanges: Sequence[Exchange], first: float) -> list[dict[str, Any]]:
    """Exchanges with their time since the first operation."""
    return [{**asdict(one), "began": round(one.began - first, 3)} for one in exchanges]


def of_app(record: Record, app: str) -> Record:
    return record.of(lambda one: one.app == app)


def overlaps(one: Exchange, operations: Sequence[Operation]) -> bool:
    """Whether an operation ran while the exchange did."""
    ended = one.began + one.lasted_s
    return any(done.began < ended and one.began < done.ended for done in operations)


def durations(operations: Sequence[Operation]) -> dict[str, Any]:
    """How often each operation was done, and the median and longest time in seconds."""
    found: dict[str, list[float]] = {}
    for one in operations:
        found.setdefault(one.name, []).append(one.lasted_s)
    return {
        name: {
            "count": len(times),
            "median_s": round(sorted(times)[len(times) // 2], 2),
            "max_s": round(max(times), 2),
        }
        for name, times in sorted(found.items())
    }


def show(report: dict[str, Any]) -> None:
    """The tables, for people."""
    table(
        ("kind", "requests", "failures", "p50 ms", "p99 ms", "max ms"),
        [
            (kind, one["requests"], one["failures"], one["p50"], one["p99"], one["max"])
            for kind, one in report["kinds"].items()
        ],
    )
    table(
        ("quick requests", "p50 ms", "p90 ms", "p99 ms", "max ms"),
        [
            (words, *report[key].values())
            for words, key in (
                ("quiet", "quiet_ms"),
                ("between first and last operation", "during_ms"),
                ("while an operation runs", "within_operations_ms"),
                ("in the pauses between them", "pauses_ms"),
                ("neighbour, quiet", "neighbour_quiet_ms"),
                ("neighbour, during operations", "neighbour_during_ms"),
            )
        ],
    )
    table(
        ("operation", "count", "median s", "max s"),
        [(name, *one.values()) for name, one in report["operations"].items()],
    )
    for words, count in report["failures"].items():
        print(f"FAILED {count} x {words}")
    for words in report["failed_operations"]:
        print(f"FAILED operation {words}")
    failures = sum(report["failures"].values())
    print(
        f"{failures} failures, {report['wrong_app']} wrong app, {report['went_back']} went back, "
        f"{len(report['failed_operations'])} failed operations, {report['left']} containers left"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    lines = [tuple(map(str, row)) for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        first, *others = zip(line, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
        print("  ".join(cells))
    print()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
