"""Places in log files: over rotations, restarts and unfinished lines, nothing lost or doubled."""

import os
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from paas.logs.files import same_file
from paas.logs.logs import Logs
from paas.logs.rotation import rotate
from paas.logs.sinks import reading as reading_module
from paas.logs.sinks.places import Places, keep_only
from paas.logs.sinks.reading import Batch, Reading
from paas.model.app import App
from paas.settings import Settings
from tests.logs.receivers import until
from tests.logs.test_logs import START, reopen, write

BLOG = App(7, "blog", 1, START)
BEFORE = START - timedelta(days=1)


@pytest.fixture
def logs(settings: Settings) -> Iterator[Logs]:
    made = Logs(settings)
    yield made
    made.close()


class Sinkhole:
    """Takes what a reading has; begins anew from what is on disk when told to."""

    def __init__(self, logs: Logs, since: datetime = BEFORE) -> None:
        self.directory = logs.directory("blog")
        self.places = logs.root.parent / "sinks"
        self.since = since
        self.texts: list[str] = []
        self.restart()

    def restart(self) -> None:
        self.reading = Reading(self.directory, Places(self.places, BLOG, "sink"), self.since)

    def take(self) -> list[str]:
        """All there is now; the new ones."""
        before = len(self.texts)
        while (batch := self.reading.batch()).lines:
            self.accept(batch)
        self.reading.taken(batch)
        return self.texts[before:]

    def accept(self, batch: Batch) -> None:
        self.texts += [one.text for one in batch.lines]
        self.reading.taken(batch)


def entry(path: Path, text: str, tag: str = "F", stream: str = "stdout", at: int = 0) -> None:
    stamp = (START + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%f789+00:00")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(f"{stamp} {stream} {tag} {text}\n")


def settle(path: Path) -> None:
    """Have a file look as if nothing was written to it for long."""
    os.utime(path, (1, 1))


def test_lines_come_once_by_time_and_go_on_after_a_restart(logs: Logs):
    sink = Sinkhole(logs)
    write(logs, "web.1", "aaaaaaaaaa", "one", "three")
    write(logs, "worker.1", "bbbbbbbbbb", "two", at=0)
    assert set(sink.take()) == {"one", "two", "three"}
    sink.restart()
    assert sink.take() == []
    write(logs, "web.1", "aaaaaaaaaa", "four", at=5)
    logs.append("blog", "ours")
    assert sink.take() == ["four", "ours"]


def test_what_was_not_taken_comes_again(logs: Logs):
    write(logs, "web.1", "aaaaaaaaaa", "one", "two")
    sink = Sinkhole(logs)
    assert [one.text for one in sink.reading.batch().lines] == ["one", "two"]
    assert [one.text for one in sink.reading.batch().lines] == ["one", "two"]
    sink.restart()
    assert sink.take() == ["one", "two"]


def test_a_sink_gets_what_is_said_from_its_setting_on(logs: Logs):
    write(logs, "web.1", "aaaaaaaaaa", *(f"old {n}" for n in range(5000)))
    logs.append("blog", "ours, now")
    sink = Sinkhole(logs, START + timedelta(seconds=4998))
    assert sink.take() == ["old 4998", "old 4999", "ours, now"]
    write(logs, "web.2", "bbbbbbbbbb", "of a clock that went back", at=-99999)
    assert sink.take() == ["of a clock that went back"]


def test_a_log_that_ended_before_is_passed_over(logs: Logs):
    path = write(logs, "web.1", "aaaaaaaaaa", "old")
    settle(path)
    sink = Sinkhole(logs, datetime.now(UTC))
    assert sink.take() == []


def test_large_backlogs_come_in_batches(logs: Logs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading_module, "BATCH_LINES", 7)
    write(logs, "web.1", "aaaaaaaaaa", *map(str, range(100)))
    sink = Sinkhole(logs)
    batch = sink.reading.batch()
    assert (len(batch.lines), batch.full) == (7, True)
    sink.accept(batch)
    sink.restart()
    sink.take()
    assert sink.texts == [str(number) for number in range(100)]
    assert sink.reading.behind() == (0, 0)


def test_rotations_lose_and_double_nothing(logs: Logs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading_module, "BATCH_LINES", 3)
    sink, said, chance = Sinkhole(logs), [], random.Random(5)
    path = logs.directory("blog") / "web.1.aaaaaaaaaa.log"
    for number in range(400):
        said.append(f"line {number}")
        entry(path, said[-1], stream=chance.choice(["stdout", "stderr"]), at=number)
        rotate(path, 5)
        if chance.random() < 0.05:
            reopen(path)
            rotate(path, 5)
        if chance.random() < 0.4:
            sink.accept(sink.reading.batch())
        if chance.random() < 0.1:
            sink.restart()
    sink.take()
    assert sink.texts == said


def test_our_own_log_is_followed_when_it_rotates(settings: Settings):
    logs = Logs(replace(settings, log_max_bytes=1000, log_files=3))
    sink = Sinkhole(logs)
    for number in range(200):
        logs.append("blog", f"line {number} {'x' * 50}")
        if number % 7 == 0:
            sink.take()
    sink.take()
    assert [one.split()[1] for one in sink.texts] == [str(number) for number in range(200)]


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the rest of a line takes to come, it is waited for."""
    monkeypatch.setattr(reading_module, "UNFINISHED_S", 3600.0)


@pytest.mark.usefixtures("unhurried")
def test_parts_wait_for_the_rest_of_their_line(logs: Logs):
    path = logs.directory("blog") / "web.1.aaaaaaaaaa.log"
    entry(path, "be", "P")
    sink = Sinkhole(logs)
    batch = sink.reading.batch()
    assert (batch.lines, batch.again) == ([], True)
    entry(path, "gun", "F")
    assert sink.take() == ["begun"]


def test_the_last_words_come_once_nothing_is_added(logs: Logs):
    path = logs.directory("blog") / "web.1.aaaaaaaaaa.log"
    entry(path, "first")
    entry(path, "password: ", "P")
    settle(path)
    sink = Sinkhole(logs)
    assert sink.take() == ["first", "password: "]
    sink.restart()
    assert sink.take() == []


@pytest.mark.usefixtures("unhurried")
def test_streams_within_one_another_are_put_together_after_a_restart(logs: Logs):
    path = logs.directory("blog") / "web.1.aaaaaaaaaa.log"
    sink = Sinkhole(logs)
    entry(path, "out one ", "P", at=0)
    entry(path, "err one", "F", "stderr", at=1)
    assert sink.take() == ["err one"]
    sink.restart()
    assert sink.take() == []
    rotate(path, 5)
    reopen(path)
    rotate(path, 5)
    entry(path, "err two", "F", "stderr", at=2)
    entry(path, "and its end", "F", at=3)
    sink.restart()
    assert sink.take() == ["err two", "out one and its end"] or sink.texts[1:] == [
        "out one and its end",
        "err two",
    ]
    sink.restart()
    assert sink.take() == []


def test_a_torn_entry_stops_nothing(logs: Logs):
    path = write(logs, "web.1", "aaaaaaaaaa", "before")
    with path.open("ab") as file:
        file.write(b"\0\0\0 torn\n2026-99-99T00:00:00.000000000+00:00 stdout F no such day\n\n")
    write(logs, "web.1", "aaaaaaaaaa", "after", at=2)
    sink = Sinkhole(logs)
    assert sink.take() == ["before", "after"]
    with path.open("ab") as file:
        file.write(b"2026-05-04T12:00:09.000000000+00:00 stdout F half a li")
    assert sink.take() == []
    with path.open("ab") as file:
        file.write(b"ne\n")
    assert sink.take() == ["half a line"]


def turn_over(logs: Logs, path: Path, text: str, at: int) -> None:
    """One more file begins with a line, and of more than two the oldest goes."""
    rotate(path, 2)
    reopen(path)
    rotate(path, 2)
    write(logs, "web.1", "aaaaaaaaaa", text, at=at)


def test_what_was_rotated_away_unread_is_said_with_its_lines_and_size(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
):
    sink = Sinkhole(logs)
    path = write(logs, "web.1", "aaaaaaaaaa", "taken")
    sink.take()
    taken = path.stat().st_size
    write(logs, "web.1", "aaaaaaaaaa", "lost", "lost too", at=1)
    lost = path.stat().st_size - taken
    sink.reading.look(1 << 20)
    for number in range(2, 5):
        turn_over(logs, path, f"later {number}", number)
    assert sink.take() == []  # it may be back in a moment
    monkeypatch.setattr(reading_module, "MISSED_S", 0.0)
    notice, *rest = sink.take()
    assert rest == ["later 3", "later 4"]
    assert notice == (
        f"at least 2 lines ({lost} bytes) of the log of web.1 rotated away "
        "before it could be shipped"
    )


def test_all_that_rotates_away_while_a_sink_fails_is_said_once_it_takes_something(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reading_module, "MISSED_S", 0.0)
    sink = Sinkhole(logs)
    path = write(logs, "web.1", "aaaaaaaaaa", "new")  # of which nothing was ever taken
    for number in range(8):
        assert sink.reading.batch().lines
        sink.reading.look(1 << 20)
        sink.reading.look(1 << 20)  # counts nothing twice
        turn_over(logs, path, f"line {number}", number + 1)
    notice, *rest = sink.take()
    assert notice.startswith("at least 7 lines (")
    assert rest == ["line 6", "line 7"]
    path.unlink()
    turn_over(logs, path, "after", 9)
    assert sink.take() == ["after"]


def test_a_container_that_went_while_its_sink_failed_is_said_to_be_lost(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reading_module, "MISSED_S", 0.0)
    sink = Sinkhole(logs)
    path = write(logs, "web.1", "aaaaaaaaaa", "one", "two")
    size = path.stat().st_size
    sink.reading.look(1 << 20)
    path.unlink()
    assert sink.take()[0].startswith(f"at least 2 lines ({size} bytes) of the log of web.1")
    assert sink.take() == []


def test_lines_are_counted_in_so_much_at_most(logs: Logs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading_module, "MISSED_S", 0.0)
    sink = Sinkhole(logs)
    path = write(logs, "web.1", "aaaaaaaaaa", *("x" * 100 for _ in range(100)))
    size = path.stat().st_size
    assert sink.reading.look(size // 2) == 0
    path.unlink()
    notice = sink.take()[0]
    assert notice.startswith(f"at least 50 lines ({size} bytes)")


def test_an_app_on_its_way_to_another_name_loses_and_doubles_nothing(logs: Logs):
    write(logs, "web.1", "aaaaaaaaaa", "one")
    sink = Sinkhole(logs)
    sink.take()
    write(logs, "web.1", "aaaaaaaaaa", "two", at=1)
    logs.rename("blog", "site")
    assert sink.take() == []
    sink.reading.directory = logs.directory("site")
    assert sink.take() == ["two"]


def test_a_container_that_is_gone_and_was_read_to_its_end_is_forgotten(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reading_module, "MISSED_S", 0.0)
    path = write(logs, "web.1", "aaaaaaaaaa", "one")
    sink = Sinkhole(logs)
    sink.take()
    path.unlink()
    assert sink.take() == []
    assert sink.reading.places == {}


def test_what_is_behind_is_counted(logs: Logs):
    write(logs, "web.1", "aaaaaaaaaa", "one")
    sink = Sinkhole(logs)
    sink.take()
    path = write(logs, "web.1", "aaaaaaaaaa", "two", "three", at=1)
    write(logs, "web.2", "bbbbbbbbbb", "new")
    lines, size = sink.reading.behind()
    assert lines == 3
    assert 0 < size < 2 * path.stat().st_size


def test_places_of_another_app_with_the_same_number_count_for_nothing(logs: Logs):
    write(logs, "web.1", "aaaaaaaaaa", "one")
    sink = Sinkhole(logs)
    sink.take()
    kept = Places(sink.places, BLOG, "sink")
    assert kept.load()
    assert Places(sink.places, replace(BLOG, created_at=BEFORE), "sink").load() is None
    kept.path.write_text("{torn")
    assert kept.load() is None
    keep_only(sink.places, set())
    assert not kept.path.exists()


def test_files_that_rotate_while_they_are_read_lose_and_double_nothing(
    settings: Settings, logs: Logs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reading_module, "BATCH_LINES", 200)
    (settings.run_dir / "containers" / "aaaaaaaaaa").mkdir(parents=True)
    path = logs.directory("blog") / "web.1.aaaaaaaaaa.log"
    said, taken, done = [str(number) for number in range(10_000)], Sinkhole(logs), threading.Event()

    def speak() -> None:
        for number, text in enumerate(said):
            if number % 500 == 0 and number:
                until(lambda: same_file(path, path.with_name(f"{path.name}.0")))
                until(lambda number=number: number - len(taken.texts) < 1000)
                reopen(path)
            entry(path, text, stream="stderr" if number % 3 else "stdout", at=number)
        done.set()

    logs.start()
    speaker = threading.Thread(target=speak)
    speaker.start()
    while not done.is_set():
        taken.accept(taken.reading.batch())
        if len(taken.texts) % 10 == 0:
            taken.restart()
    taken.take()
    speaker.join()
    assert taken.texts == said
