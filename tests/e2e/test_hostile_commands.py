"""Every command there is with a hostile word in it, to a real daemon: refused in a sentence with
nothing changed on the machine, or taken for what it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from paas.commands import table  # noqa: F401 - fills the registry
from paas.commands.permissions import Permission
from paas.commands.registry import Command, registry
from tests.attacks.door import Door
from tests.commands.bad_lines import hostile_lines
from tests.e2e.instance import Instance
from tests.e2e.samples import WITH_WORKER
from tests.faults.traces import mounts, names

APP = "shelled"
SEED, LINES_EACH = 20261126, 4
# they go on for as long as their caller listens, ask the world beyond, or end what others need
LEFT_OUT = {"run:attach", "stats", "top", "failpoints:arm", "trace:on", "trace:off", "events:off"}
UNTOLD = ("events", "process_states", "alembic_version")


@pytest.fixture(scope="module")
def door(platform: Instance) -> Iterator[Door]:
    platform.repository(APP).deploy(WITH_WORKER)
    yield Door(platform.settings.socket)
    platform.ok("--force", "apps:destroy", APP)


def kept(platform: Instance) -> list[object]:
    """The database, but what is told of attempts."""
    path = f"file:{platform.settings.state_dir}/paas.db?mode=ro"
    with closing(sqlite3.connect(path, uri=True)) as database:
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = sorted(name for (name,) in found if name not in UNTOLD)
        return [database.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables]


def machine(platform: Instance) -> set[str]:
    """What stands of the instance: containers, networks, mounts, places of apps."""
    settings = platform.settings
    run, state = settings.run_dir, settings.state_dir
    places = (run / "containers", run / "netns", state / "repos", state / "logs", state / "layers")
    found = {f"{place}/{name}" for place in places for name in names(place)}
    return found | {point for point in mounts(platform) if str(platform.root) in point}


def wanted(command: Command) -> bool:
    return command.permission is not Permission.HOOK and command.name not in LEFT_OUT


def test_what_is_refused_is_refused_in_a_sentence_and_leaves_nothing(
    platform: Instance, door: Door
):
    refused = taken = 0
    for command in filter(wanted, registry.values()):
        for argv in hostile_lines(command, APP, SEED, LINES_EACH):
            state, stands = kept(platform), machine(platform)
            said = door(*argv)
            if said.status == 0:
                taken += 1
                continue
            refused += 1
            shown = (argv, said.status, said.err[-500:])
            assert "inside paas" not in said.err, shown
            assert "Traceback" not in said.err, shown
            assert not set("\x1b\0\u202e") & set(said.err), shown
            assert said.err.strip(), shown
            assert kept(platform) == state, shown
            assert machine(platform) - stands == set(), shown  # what retires may go meanwhile
    assert refused > 3 * taken
    assert platform.get(APP).text == "hello"
