"""One operation an app at a time; the others queue and can leave the queue."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from paas.console import Console, silent
from paas.errors import Cancelled
from paas.turns import Replaced, Turns


def test_a_second_operation_waits_for_the_first():
    locks, order = Turns(), []
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with silent() as console, locks.hold("blog", console):
            entered.set()
            leave.wait(30)
            order.append("first")

    def second() -> None:
        with silent() as console, locks.hold("blog", console):
            order.append("second")

    threads = [threading.Thread(target=first)]
    threads[0].start()
    assert entered.wait(30)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    leave.set()
    for thread in threads:
        thread.join(30)
    assert order == ["first", "second"]


def test_another_app_does_not_wait():
    locks = Turns()
    with silent() as console, locks.hold("blog", console), locks.hold("shop", console):
        pass


def test_a_turn_nobody_else_wants_is_taken_without_waiting(monkeypatch: pytest.MonkeyPatch):
    locks = Turns()

    def never(_timeout: float | None = None) -> bool:
        raise AssertionError("it waited")

    monkeypatch.setattr(locks._condition, "wait", never)
    with silent() as console, locks.hold("blog", console):
        pass


def test_a_caller_who_leaves_gives_up_the_place():
    locks = Turns()
    with silent() as console, silent() as other:
        with locks.hold("blog", console):
            other.cancel()
            with pytest.raises(Cancelled), locks.hold("blog", other):
                pass
        with locks.hold("blog", console):
            pass


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def waiting(turns: Turns, key: str, count: int) -> None:
    until(lambda: len(turns.waiting(key)) >= count)
    assert len(turns.waiting(key)) == count


def test_a_newer_one_takes_the_place_of_an_older_one_that_waits_but_not_of_the_one_at_work():
    turns, ends = Turns(), []
    leave = threading.Event()

    def one(label: str) -> None:
        try:
            with silent() as console, turns.hold("blog", console, label, replace=True):
                leave.wait(30)
                ends.append(label)
        except Replaced as error:
            ends.append(error.message)

    threads = []
    for count, label in enumerate(("first", "second", "third"), start=1):
        threads.append(threading.Thread(target=one, args=(label,)))
        threads[-1].start()
        waiting(turns, "blog", min(count, 2))
        time.sleep(0.05)
    threads[1].join(30)
    leave.set()
    for thread in threads:
        thread.join(30)
    assert ends == [
        "second did not run: third came after it and takes its place", "first", "third",
    ]  # fmt: skip


def test_what_waits_is_told_what_for_and_how_many_are_ahead(tmp_path: Path):
    turns, leave, inside = Turns(), threading.Event(), threading.Event()

    def first() -> None:
        with silent() as console, turns.hold("blog", console, "the push of 1234 by alice"):
            inside.set()
            leave.wait(30)

    def second() -> None:
        with (tmp_path / "said").open("wb") as file:
            console = Console(file.fileno(), file.fileno(), file.fileno())
            with turns.hold("blog", console, "the push of 5678 by bob"):
                pass

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    said = tmp_path / "said"
    until(lambda: said.exists() and said.read_text().endswith("\n"))
    leave.set()
    for thread in threads:
        thread.join(30)
    assert said.read_text() == (
        "-----> Waiting for the push of 1234 by alice to finish; 1 ahead of this one\n"
    )


def test_as_many_as_there_are_places_work_at_once():
    turns = Turns(2, "build")
    with (
        silent() as console,
        turns.hold("", console),
        turns.hold("", console),
        silent() as other,
    ):
        other.cancel()
        with pytest.raises(Cancelled), turns.hold("", other):
            pass
