"""What a fleet costs: memory of everything that is there for it, and what starting takes."""

import re
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from paas.doctor.ports import daemon_pid
from tests.bench.memory import proportional, resident, watchers
from tests.e2e.instance import Instance
from tests.scale.fleet import Fleet
from tests.scale.witness import SERVED, Witness

MIB = 1 << 20
STARTED = re.compile(r"started \S+ of \S+ as \S+: (\d+) ms")
PROBES = 10


@dataclass(frozen=True, slots=True)
class Level:
    """One row: so many containers, and what was measured with them running.

    Memory in MiB; per container where the name says each. used_each is what the whole
    machine has less to give, the kernel's part included, divided by the containers.
    """

    containers: int
    start_ms: float  # of the engine, from the decision to the running process
    restart_ms: float  # of an app, from the command to its end: started, checked, switched
    daemon_mib: float
    conmon_each: float
    app_each: float
    nginx_mib: float
    used_each: float
    unreachable: int


def level(fleet: Fleet, available_before: int) -> Level:
    """Measure with the fleet as it is."""
    instance = fleet.instance
    count = len(fleet.names)
    pid = daemon_pid(instance.settings)
    assert pid is not None
    monitors = watchers(instance)
    conmons, inits = monitors[::2], monitors[1::2]
    used = available_before - available_bytes()
    memory = (
        round(resident(pid) / MIB, 1),
        round(mean(conmons), 2),
        round(mean([*inits, *map(first_child, inits)]) * 2, 2),
        round(sum(map(proportional, nginx(instance))) / MIB, 1),
        round(used / MIB / max(count, 1), 1),
    )
    starts, restarts = started(instance, lambda: restarted(fleet))
    times = (round(starts, 1), round(restarts * 1000, 1))
    return Level(count, *times, *memory, count - len(answering(fleet)))


def mean(pids: list[int]) -> float:
    """MiB a process, shared pages counted in part; those that ended meanwhile left out."""
    found = []
    for pid in pids:
        with suppress(OSError):
            found.append(proportional(pid))
    return sum(found) / MIB / max(len(found), 1)


def first_child(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    except (OSError, IndexError):
        return pid


def nginx(instance: Instance) -> list[int]:
    """Master and workers."""
    master = int((instance.settings.run_dir / "proxy" / "nginx.pid").read_text())
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return [master, *map(int, workers)]


def available_bytes() -> int:
    """What the kernel could still give (proc(5), MemAvailable)."""
    text = Path("/proc/meminfo").read_text()
    found = re.search(r"MemAvailable:\s+(\d+) kB", text)
    assert found
    return int(found[1]) * 1024


def started(instance: Instance, work: Callable[[], float]) -> tuple[float, float]:
    """Median milliseconds of the engine's starts while work goes on, and what work returns."""
    log = instance.root / "paasd.log"
    before = log.stat().st_size
    result = work()
    with log.open() as file:
        file.seek(before)
        taken = [float(found) for found in STARTED.findall(file.read())]
    return statistics.median(taken), result


def restarted(fleet: Fleet) -> float:
    """Median seconds of restarts of apps from all over the fleet."""
    taken = []
    for number in range(PROBES):
        name = fleet.names[number * len(fleet.names) // PROBES]
        began = time.monotonic()
        fleet.instance.ok("ps:restart", name)
        taken.append(time.monotonic() - began)
    return statistics.median(taken)


def answering(fleet: Fleet) -> set[str]:
    """The apps that answer by their domain and with their name, given a little while."""
    since = time.monotonic()
    with Witness(fleet.instance.settings.http_port, fleet.domains) as witness:
        while len(witness.first_served(since)) < len(fleet.names):
            if time.monotonic() - since > 30:
                break
            time.sleep(0.2)
    wrong = {one.app for one in witness.unexpected(SERVED)}
    return set(witness.first_served(since)) - wrong


def table(levels: list[Level]) -> str:
    """Columns for people."""
    head = list(asdict(levels[0]))
    rows = [head, *([str(value) for value in asdict(one).values()] for one in levels)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    lines = ("  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(lines)
