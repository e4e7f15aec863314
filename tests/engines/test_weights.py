"""Who gets the processors when everybody wants them: what serves, then what starts, then others."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paas.command import Runner
from tests.engines.conftest import House, until

# all on one processor, so that everybody wants the same one
BUSY = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"
SECONDS = 2.0  # of processor time, however long it takes to get them


def used(house: House, container_id: str) -> float:
    return house.engine.usage(container_id).cpu_seconds


def test_what_serves_goes_before_what_is_being_started(house: House) -> None:
    serving, starting = (
        house.engine.start(house.spec("/usr/bin/python3", "-IS", "-c", BUSY)).id for _ in range(2)
    )
    house.engine.promote(serving)
    until(lambda: min(used(house, serving), used(house, starting)) > 0.1)  # both have begun
    assert_first(lambda: used(house, serving), lambda: used(house, starting))


def test_apps_together_go_before_any_program_of_the_host(house: House) -> None:
    app = house.engine.start(house.spec("/usr/bin/python3", "-IS", "-c", BUSY)).id
    house.engine.promote(app)
    with busy_on_the_host() as host:
        assert_first(lambda: used(house, app), lambda: cpu_seconds(host))


def test_a_gentle_child_goes_after_the_others() -> None:
    with busy_on_the_host() as other, busy_on_the_host(gently=True) as gentle:
        assert_first(lambda: cpu_seconds(other), lambda: cpu_seconds(gentle))


def assert_first(first: Callable[[], float], other: Callable[[], float]) -> None:
    """Hold what one has used while it had its seconds against what the other had meanwhile."""
    before = first(), other()
    until(lambda: first() - before[0] > SECONDS, 200)
    had = other() - before[1]
    assert first() - before[0] > 2 * had


@contextmanager
def busy_on_the_host(*, gently: bool = False) -> Iterator[int]:
    """A session of its own, as a push's git is; its first process."""
    child = Runner().spawn((sys.executable, "-IS", "-c", BUSY), gently=gently)
    try:
        yield child.pid
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_promoting_what_is_gone_does_nothing(house: House) -> None:
    container = house.engine.start(house.spec("/bin/sleep", "60"))
    house.engine.remove(container.id)
    house.engine.promote(container.id)
