"""Commands beside 1, 100, 200 and 1,000 apps: locally, over a warm SSH connection, and changes."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from paas.commands import table  # noqa: F401 - fills the registry
from paas.commands.permissions import Permission
from paas.commands.registry import Command, registry
from tests.bench.measuring import Outcome, median, repeated, timed
from tests.e2e.instance import REPOSITORY, Instance
from tests.e2e.samples import PLAIN

SIZES = (1, 100, 200, 1000)
PROMISED_FOR = 200
APP = "served"
SLOWEST = 5  # are named
READING_S, OVER_SSH_S, CHANGE_S, SET_S = 0.040, 0.060, 0.100, 0.5
ENDINGS = (":report", ":list", ":show", ":keys", ":info", ":locked", ":inspect")
ALONE = ("apps:list", "version", "help", "url", "urls", "apps:exists")
# they look at something else than what is kept: other machines, or the whole disk
OTHERWISE = ("disk:report", "storage:info", "certs:show", "letsencrypt:list", "network:info")


def readings() -> list[tuple[str, ...]]:
    """Every command that shows what is kept of one app, or lists what there is."""
    found = []
    for name, one in sorted(registry.items()):
        reads = name.endswith(ENDINGS) or name in ALONE
        if reads and not one.hidden and one.permission is not Permission.HOOK:
            words = line(one)
            if words is not None and name not in OTHERWISE:
                found.append(words)
    return found


def line(command: Command) -> tuple[str, ...] | None:
    """The command for the one app; None for one that needs more words than that."""
    needed = [
        one.name for one in command.parameters if one.required and one.param_type_name == "argument"
    ]
    if command.takes_words or needed == ["app"]:
        return command.name, APP
    return (command.name,) if not needed else None


def beside_many(instance: Instance, runs: int) -> Outcome:
    """Each size's numbers on standard error, as a row of the table in docs/speed.md."""
    instance.repository(APP).deploy(PLAIN)
    samples: dict[str, list[float]] = {}
    worst: dict[int, tuple[float, float, float, float]] = {}
    made = 1
    for size in SIZES:
        for number in range(made, size):
            instance.ok("apps:create", f"app{number}")
        made = max(made, size)
        worst[size] = at_size(instance, runs, size, samples)
    local, remote, change, setting = worst[PROMISED_FOR]
    growth = worst[SIZES[-1]][0] / worst[SIZES[0]][0]
    return Outcome(
        f"commands beside {PROMISED_FOR} apps: reading (ssh), changing, config:set",
        "<= 40 (60) ms, 100 ms, own start + 0.5 s",
        f"{local * 1000:.0f} ({remote * 1000:.0f}) ms, {change * 1000:.0f} ms, + {setting:.2f} s",
        f"{growth:.2f} from 1 to {SIZES[-1]} apps",
        local <= READING_S and remote <= OVER_SSH_S and change <= CHANGE_S and setting <= SET_S,
        samples,
    )


def at_size(
    instance: Instance, runs: int, size: int, samples: dict[str, list[float]]
) -> tuple[float, float, float, float]:
    """The slowest reading, locally and over SSH, the slowest change, and config:set's own cost."""
    every = readings()
    local = {words: typical(runs, caller(instance, words)) for words in every}
    with warm(instance) as connection:
        remote = {words: typical(runs, lambda w=words: connection(*w)) for words in every}
    changes = {
        "apps:create": typical(runs, numbered(instance, "apps:create", f"new{size}x{{}}")),
        "domains:add": typical(
            runs, numbered(instance, "domains:add", APP, f"d{size}x{{}}.example")
        ),
        "config:set --no-restart": typical(
            runs, numbered(instance, "config:set", "--no-restart", APP, "KEY={}")
        ),
    }
    setting = own_cost(instance, runs)
    slow, slow_ssh = (max(found, key=lambda one: found[one]) for found in (local, remote))
    samples[f"reading beside {size}"] = sorted(local.values())
    samples[f"over ssh beside {size}"] = sorted(remote.values())
    samples[f"changes beside {size}"] = list(changes.values())
    sys.stderr.write(
        f"| {size} | {ms(median([*local.values()]))} | {ms(local[slow])} ({slow[0]}) "
        f"| {ms(median([*remote.values()]))} | {ms(remote[slow_ssh])} ({slow_ssh[0]}) | "
        + " | ".join(ms(one) for one in changes.values()) + f" | {ms(setting)} |\n"
    )  # fmt: skip
    for words in sorted(local, key=lambda one: local[one], reverse=True)[:SLOWEST]:
        sys.stderr.write(f"       {' '.join(words)}: {ms(local[words])}\n")
    return local[slow], remote[slow_ssh], max(changes.values()), setting


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def typical(runs: int, errand: Callable[[], object]) -> float:
    errand()
    return median(repeated(runs, lambda _: timed(errand)))


def caller(instance: Instance, words: Sequence[str]) -> Callable[[], object]:
    """The local client from its start to its end."""
    argv, env = [str(REPOSITORY / "bin" / "paas"), *words], instance.environment
    return lambda: subprocess.run(argv, env=env, check=False, capture_output=True)


def numbered(instance: Instance, *words: str) -> Callable[[], object]:
    """A change that is another one each time."""
    count = iter(range(1_000_000))

    def change() -> None:
        number = str(next(count))
        caller(instance, [word.replace("{}", number) for word in words])()

    return change


@contextmanager
def warm(instance: Instance) -> Iterator[Callable[..., object]]:
    """ssh through a connection that stands already."""
    path = instance.home / "mux"
    shared = ["-o", f"ControlPath={path}"]
    base, target = instance.ssh_to[:-1], instance.ssh_to[-1]
    master = subprocess.Popen([*base, *shared, "-o", "ControlMaster=yes", "-N", target])
    try:
        while not path.exists():
            assert master.poll() is None
        yield lambda *words: subprocess.run(
            [*base, *shared, target, *words], check=False, capture_output=True
        )
    finally:
        master.terminate()
        master.wait()


def own_cost(instance: Instance, runs: int) -> float:
    """What config:set of a running app takes beyond a restart of it."""
    setting = typical(runs, numbered(instance, "config:set", APP, "KEY=again{}"))
    restarting = typical(runs, caller(instance, ("ps:restart", APP)))
    return max(0.0, setting - restarting)
