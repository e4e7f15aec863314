"""The machine's clock set forwards and backwards by a year, under a running daemon."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults import invariants
from tests.faults.operations import prepare_push
from tests.faults.rows import AppRow, read_apps
from tests.faults.stage import Stage, staged, until

SOURCE = Path(__file__).with_name("clock.c")
DAY_S = 86400
CLOSE = timedelta(days=1)


@dataclass
class Clock:
    """What the daemon takes for the date; its children, and time that passed, are real."""

    stage: Stage
    file: Path

    def set(self, days: int) -> None:
        """Set it so many days from the real one, at once."""
        with self.file.open("r+b") as file:
            file.write((days * DAY_S).to_bytes(8, sys.byteorder, signed=True))


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clock]:
    place = tmp_path_factory.mktemp("clock")
    library, offset = place / "clock.so", place / "offset"
    offset.write_bytes(bytes(8))
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True)
    with staged("env", f"LD_PRELOAD={library}", f"CLOCK_OFFSET={offset}") as stage:
        yield Clock(stage, offset)


def app(stage: Stage, name: str) -> AppRow:
    return next(one for one in read_apps(stage.instance.settings) if one.name == name)


def versions(stage: Stage) -> set[int]:
    return {one.version for one in stage.row.releases}


def newest(stage: Stage) -> datetime:
    """When the newest event was."""
    lines = stage.instance.ok("events", "-n", "1", "--format", "json").splitlines()
    return datetime.fromisoformat(json.loads(lines[-1])["at"])


def nothing_wrong(stage: Stage) -> None:
    problems = [*invariants.check(stage.instance), *stage.prober.take_failures()]
    assert problems == [], stage.instance.daemon_log()


@pytest.mark.parametrize("days", [365, -365, 0])
def test_a_clock_that_jumps_disturbs_nobody(clock: Clock, days: int):
    stage = clock.stage
    instance = stage.instance
    calm, before = app(stage, "calm"), versions(stage)
    clock.set(days)
    instance.ok("config:set", "shop", f"MODE={days}")
    assert abs(newest(stage) - datetime.now(UTC) - timedelta(days=days)) < CLOSE
    assert stage.answer().mode == str(days)
    _, page = prepare_push(stage)
    assert stage.repository.push().returncode == 0
    assert stage.answer().page == page
    instance.ok("gc")
    assert before < versions(stage)
    assert app(stage, "calm") == calm  # it was neither restarted nor deployed
    assert instance.ssh("apps:list").returncode == 0
    nothing_wrong(stage)


@pytest.mark.parametrize("days", [365, -365])
def test_a_process_that_ends_after_a_jump_is_back_at_once_and_nobody_is_blamed(
    clock: Clock, days: int
):
    stage = clock.stage
    before = stage.row
    clock.set(0)
    stage.instance.ok("ps:restart", "shop")
    clock.set(days)
    for _ in range(3):
        (container,) = stage.row.in_service
        record = invariants.record_of(stage.instance.settings, container)
        assert record is not None
        os.kill(int(str(record["pid"])), signal.SIGKILL)
        until(lambda old=container: stage.row.in_service not in ((), (old,)))  # type: ignore[misc]
    assert invariants.check(stage.instance) == []
    assert stage.row.current == before.current
    assert {one.partition(":")[0] for one in stage.prober.take_failures()} <= {"shop"}


def test_a_daemon_that_starts_with_another_clock_finds_everything_as_it_was(clock: Clock):
    stage = clock.stage
    before = read_apps(stage.instance.settings)
    for days in (365, -365, 0):
        stage.instance.stop()
        clock.set(days)
        stage.instance.start()
        assert read_apps(stage.instance.settings) == before
        nothing_wrong(stage)
