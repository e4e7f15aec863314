"""One operation an app at a time; the others queue and can leave the queue."""

import threading

import pytest

from paas.console import silent
from paas.errors import Cancelled
from paas.platform import AppLocks


def test_a_second_operation_waits_for_the_first():
    locks, order = AppLocks(), []
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with silent() as console, locks.hold("blog", console):
            entered.set()
            leave.wait(5)
            order.append("first")

    def second() -> None:
        with silent() as console, locks.hold("blog", console):
            order.append("second")

    threads = [threading.Thread(target=first)]
    threads[0].start()
    assert entered.wait(5)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    leave.set()
    for thread in threads:
        thread.join(5)
    assert order == ["first", "second"]


def test_another_app_does_not_wait():
    locks = AppLocks()
    with silent() as console, locks.hold("blog", console), locks.hold("shop", console):
        pass


def test_a_caller_who_leaves_gives_up_the_place():
    locks = AppLocks()
    with silent() as console, silent() as other:
        with locks.hold("blog", console):
            other.cancel()
            with pytest.raises(Cancelled), locks.hold("blog", other):
                pass
        with locks.hold("blog", console):
            pass
