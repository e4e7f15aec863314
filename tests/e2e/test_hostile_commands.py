"""Every command there is with a hostile word in it, to a real daemon: refused in a sentence with
nothing changed on the machine, or taken for what it is."""

import sqlite3
from collections.abc import Iterator

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


def machine(platform: Instance) -> list[object]:
    """The database and what stands on the machine."""
    settings = platform.settings
    with sqlite3.connect(f"file:{settings.state_dir}/paas.db?mode=ro", uri=True) as database:
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = sorted(name for (name,) in found if name not in UNTOLD)
        kept = [database.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables]
    state = settings.state_dir
    places = [state, state / "repos", state / "logs", state / "layers"]
    return [
        kept,
        names(settings.run_dir / "containers"),
        names(settings.run_dir / "netns"),
        sorted(mounts(platform)),
        [sorted(names(place)) for place in places],
    ]


def wanted(command: Command) -> bool:
    return command.permission is not Permission.HOOK and command.name not in LEFT_OUT


def test_what_is_refused_is_refused_in_a_sentence_and_leaves_nothing(
    platform: Instance, door: Door
):
    refused = taken = 0
    for command in filter(wanted, registry.values()):
        for argv in hostile_lines(command, APP, SEED, LINES_EACH):
            before = machine(platform)
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
            assert machine(platform) == before, shown
    assert refused > 3 * taken
    assert platform.get(APP).text == "hello"
