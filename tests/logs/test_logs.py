"""Logs as their readers see them, with conmon's files written by hand."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from paas.logs import following
from paas.logs.files import same_file
from paas.logs.line import Line
from paas.logs.logs import Logs
from paas.model.container import ContainerSpec, Kind
from paas.settings import Settings

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def write(
    logs: Logs, source: str, container_id: str, *texts: str, at: int = 0, tag: str = "F"
) -> Path:
    """Append entries as conmon does, one second apart from START + at."""
    path = logs.root / "blog" / f"{source}.{container_id}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for second, text in enumerate(texts, at):
            stamp = (START + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.%f789+00:00")
            file.write(f"{stamp} stdout {tag} {text}\n")
    return path


def reopen(path: Path) -> None:
    """Start a file anew as conmon does when it is full."""
    fresh = path.with_name(path.name + ".tmp")
    fresh.touch()
    fresh.rename(path)


def texts(lines: Iterator[Line]) -> list[str]:
    return [line.text for line in lines]


@pytest.fixture
def logs(settings: Settings) -> Iterator[Logs]:
    made = Logs(settings)
    yield made
    made.close()


def test_lines_of_several_processes_are_merged_by_time(logs: Logs) -> None:
    write(logs, "web.1", "aaaaaaaaaa", "one", "three", at=0)
    write(logs, "worker.1", "bbbbbbbbbb", "two", at=1)
    assert [(line.source, line.text) for line in logs.read("blog")] == [
        ("web.1", "one"),
        ("web.1", "three"),
        ("worker.1", "two"),
    ]
    first = next(logs.read("blog"))
    assert first.at == START
    assert first.stream == "stdout"


def test_a_process_type_or_one_slot_can_be_asked_for(logs: Logs) -> None:
    write(logs, "web.1", "aaaaaaaaaa", "first")
    write(logs, "web.2", "bbbbbbbbbb", "second", at=1)
    write(logs, "worker.1", "cccccccccc", "other", at=2)
    assert texts(logs.read("blog", "web")) == ["first", "second"]
    assert texts(logs.read("blog", "web.2")) == ["second"]


def test_only_the_last_lines_can_be_asked_for_across_processes(logs: Logs) -> None:
    write(logs, "web.1", "aaaaaaaaaa", *(f"w{n}" for n in range(1000)))
    write(logs, "worker.1", "bbbbbbbbbb", "last", at=5000)
    assert texts(logs.read("blog", number=3)) == ["w998", "w999", "last"]


def test_lines_since_a_moment(logs: Logs) -> None:
    write(logs, "web.1", "aaaaaaaaaa", "a", "b", "c")
    assert texts(logs.read("blog", since=START + timedelta(seconds=1))) == ["b", "c"]


def test_parts_of_a_long_line_are_put_together(logs: Logs) -> None:
    write(logs, "web.1", "aaaaaaaaaa", "x" * 8000, tag="P")
    write(logs, "web.1", "aaaaaaaaaa", "y", at=1)
    assert texts(logs.read("blog")) == ["x" * 8000 + "y"]


def test_the_last_words_without_a_newline_are_shown(logs: Logs) -> None:
    write(logs, "web.1", "aaaaaaaaaa", "done")
    write(logs, "web.1", "aaaaaaaaaa", "Segmentation fault", at=1, tag="P")
    assert texts(logs.read("blog")) == ["done", "Segmentation fault"]


def test_damaged_entries_are_passed_over(logs: Logs) -> None:
    path = write(logs, "web.1", "aaaaaaaaaa", "before")
    with path.open("ab") as file:
        file.write(b"\0\0\0 torn\n2026-99-99T00:00:00.000000000+00:00 stdout F no such day\n\n")
    write(logs, "web.1", "aaaaaaaaaa", "after", at=2)
    assert texts(logs.read("blog")) == ["before", "after"]


def test_control_characters_are_stored_as_they_came(logs: Logs) -> None:
    write(logs, "web.1", "aaaaaaaaaa", "\x1b[31mred\x1b[0m")
    assert texts(logs.read("blog")) == ["\x1b[31mred\x1b[0m"]


def test_our_own_lines_have_the_source_paas_and_cannot_forge_others(logs: Logs) -> None:
    logs.append("blog", "Deployed v1\n2026-01-01T00:00:00.0+00:00 stdout F forged")
    found = list(logs.read("blog"))
    assert {line.source for line in found} == {"paas"}
    assert len(found) == 2
    assert found[1].text == "2026-01-01T00:00:00.0+00:00 stdout F forged"


def test_an_app_without_a_log_has_no_lines(logs: Logs) -> None:
    assert list(logs.read("nothing")) == []


def test_the_last_lines_of_one_container(logs: Logs) -> None:
    path = write(logs, "web.1", "aaaaaaaaaa", "old container")
    write(logs, "web.1", "bbbbbbbbbb", "a", "b", "c")
    spec = ContainerSpec("bbbbbbbbbb", "blog", 1, Kind.APP, "web", 1, (), ("x",), log=path)
    assert logs.tail(spec, 2) == ["b", "c"]
    assert logs.tail(replace(spec, id="zzzzzzzzzz"), 2) == []


def follow(
    logs: Logs, stop: threading.Event, into: list[Line], **asked: object
) -> threading.Thread:
    def run() -> None:
        into.extend(logs.follow("blog", stop=stop, **asked))  # type: ignore[arg-type]

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def until(condition: object, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_following_gives_what_was_there_and_every_later_line_once(logs: Logs) -> None:
    write(logs, "web.1", "aaaaaaaaaa", "before")
    stop, found = threading.Event(), []
    thread = follow(logs, stop, found)
    until(lambda: found)
    for number in range(200):
        write(logs, "web.1", "aaaaaaaaaa", f"n{number}", at=number)
    write(logs, "worker.1", "bbbbbbbbbb", "new process", at=300)
    until(lambda: found[-1].text == "new process")
    stop.set()
    thread.join()
    assert sorted(line.text for line in found) == sorted(
        ["before", "new process", *(f"n{number}" for number in range(200))]
    )


def test_following_shows_a_line_within_50_ms(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by the kernel, and not by a look now and then."""
    monkeypatch.setattr(following, "STOP_EVERY_S", 3600.0)
    stop, found = threading.Event(), []
    write(logs, "web.1", "aaaaaaaaaa", "before")
    thread = follow(logs, stop, found)
    until(lambda: found)
    delays = []
    for number in range(20):
        began = time.monotonic()
        write(logs, "web.1", "aaaaaaaaaa", f"n{number}", at=number)
        until(lambda number=number: found[-1].text == f"n{number}")
        delays.append(time.monotonic() - began)
    stop.set()
    write(logs, "web.1", "aaaaaaaaaa", "which wakes it")
    thread.join()
    assert min(delays) < 0.05  # where others have the processors, one may come later


def test_following_goes_on_when_conmon_starts_a_file_anew(logs: Logs) -> None:
    path = write(logs, "web.1", "aaaaaaaaaa", "one")
    stop, found = threading.Event(), []
    thread = follow(logs, stop, found, number=10)
    until(lambda: found)
    write(logs, "web.1", "aaaaaaaaaa", "two", at=1)
    reopen(path)
    write(logs, "web.1", "aaaaaaaaaa", "three", at=2)
    until(lambda: len(found) == 3)
    stop.set()
    thread.join()
    assert [line.text for line in found] == ["one", "two", "three"]


def test_an_unfinished_line_is_shown_after_a_moment(logs: Logs) -> None:
    stop, found = threading.Event(), []
    write(logs, "web.1", "aaaaaaaaaa", "before")
    thread = follow(logs, stop, found)
    until(lambda: found)
    write(logs, "web.1", "aaaaaaaaaa", "name? ", at=1, tag="P")
    until(lambda: len(found) == 2)
    stop.set()
    thread.join()
    assert found[1].text == "name? "


def running(settings: Settings, container_id: str) -> None:
    (settings.run_dir / "containers" / container_id).mkdir(parents=True)


def test_full_files_are_kept_up_to_their_number_and_no_line_is_lost(
    settings: Settings, logs: Logs
) -> None:
    logs._settings = replace(settings, log_files=3)
    running(settings, "aaaaaaaaaa")
    path = write(logs, "web.1", "aaaaaaaaaa", "file 0")
    logs.start()
    until(path.with_name(path.name + ".0").exists)
    for number in range(1, 5):
        reopen(path)
        write(logs, "web.1", "aaaaaaaaaa", f"file {number}", at=number)
        until(lambda: same_file(path.with_name(path.name + ".0"), path))
    assert texts(logs.read("blog")) == ["file 2", "file 3", "file 4"]
    assert len(list(path.parent.iterdir())) == 4  # two names of the one being written


def test_a_file_begun_anew_while_no_daemon_ran_loses_nothing_of_the_first(
    settings: Settings, logs: Logs
) -> None:
    running(settings, "aaaaaaaaaa")
    path = write(logs, "web.1", "aaaaaaaaaa", "before")
    logs.start()
    until(path.with_name(path.name + ".0").exists)
    logs.close()
    reopen(path)
    write(logs, "web.1", "aaaaaaaaaa", "after", at=1)
    assert texts(logs.read("blog")) == ["before", "after"]
    logs.start()
    until(path.with_name(path.name + ".1").exists)
    assert texts(logs.read("blog")) == ["before", "after"]


def test_old_containers_logs_go_when_the_app_has_too_many_and_running_ones_stay(
    settings: Settings, logs: Logs
) -> None:
    logs._settings = replace(settings, log_max_bytes=2000, log_files=2)
    running(settings, "runningrun")
    write(logs, "web.1", "runningrun", "still here")
    for number, container_id in enumerate(("a" * 10, "b" * 10, "c" * 10), 1):
        path = write(logs, "web.1", container_id, container_id[0] * 1800, at=number)
        os.utime(path, (number, number))
    logs.start()
    until(lambda: len(list((logs.root / "blog").glob("*.log"))) == 3)
    found = texts(logs.read("blog"))
    assert "still here" in found
    assert "a" * 1800 not in found
    assert "c" * 1800 in found


def test_our_own_log_is_bounded_too(settings: Settings, logs: Logs) -> None:
    logs._settings = replace(settings, log_max_bytes=1000, log_files=2)
    for number in range(100):
        logs.append("blog", f"line {number} {'x' * 50}")
    files = list((logs.root / "blog").iterdir())
    assert sum(path.stat().st_size for path in files) < 2500
    assert next(reversed(texts(logs.read("blog")))).startswith("line 99 ")


def test_a_renamed_app_keeps_its_log(logs: Logs) -> None:
    path = write(logs, "web.1", "aaaaaaaaaa", "before")
    logs.append("blog", "ours")
    logs.rename("blog", "site")
    assert texts(logs.read("site")) == ["before", "ours"]
    assert path.parent.is_dir()  # for a container that is still being retired
    logs.remove("site")
    assert list(logs.read("site")) == []
