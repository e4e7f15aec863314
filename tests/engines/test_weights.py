"""Who gets the processors when everybody wants them: what serves, then what starts, then others."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paas.command import Runner
from tests.engines.conftest import House

# all on one processor, so that everybody wants the same one
BUSY = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"
SECONDS = 2.0


def used(house: House, container_id: str) -> float:
    return house.engine.usage(container_id).cpu_seconds


def test_what_serves_goes_before_what_is_being_started(house: House) -> None:
    serving, starting = (
        house.engine.start(house.spec("/usr/bin/python3", "-IS", "-c", BUSY)).id for _ in range(2)
    )
    house.engine.promote(serving)
    before = used(house, serving), used(house, starting)
    time.sleep(SECONDS)
    assert used(house, serving) - before[0] > 2 * (used(house, starting) - before[1])


def test_apps_together_go_before_any_program_of_the_host(house: House) -> None:
    app = house.engine.start(house.spec("/usr/bin/python3", "-IS", "-c", BUSY)).id
    house.engine.promote(app)
    with busy_on_the_host() as host:
        before = used(house, app), cpu_seconds(host)
        time.sleep(SECONDS)
        assert used(house, app) - before[0] > 2 * (cpu_seconds(host) - before[1])


def test_a_gentle_child_goes_after_the_others() -> None:
    with busy_on_the_host() as other, busy_on_the_host(gently=True) as gentle:
        before = cpu_seconds(other), cpu_seconds(gentle)
        time.sleep(SECONDS)
        assert cpu_seconds(other) - before[0] > 2 * (cpu_seconds(gentle) - before[1])


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
