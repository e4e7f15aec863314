"""An app that takes all it can get, of everything at once: nobody beside it notices."""

from collections.abc import Iterator

import pytest

from tests.faults import invariants
from tests.faults.operations import prepare_push
from tests.faults.stage import Stage, until

MORE_MEMORY = "a = []\nwhile True: a.append(bytearray(b'x') * (1 << 20))"
MORE_FILES = """
a = []
while True:
    try: a.append(open("/dev/null"))
    except OSError: pass
"""
# each goes on until it is stopped, or killed for it
GREEDY = {
    "memory": ("python3", "-c", MORE_MEMORY),
    "descriptors": ("python3", "-c", MORE_FILES),
    "disk": ("sh", "-c", "while :; do cat /dev/zero >> zeros; done"),
    "inodes": ("sh", "-c", "n=0; while :; do n=$((n+1)); touch file-$n; done"),
    "processes": ("sh", "-c", "b() { b | b & }; while :; do (b); done"),
    "processors": ("sh", "-c", "while :; do :; done & while :; do :; done"),
    "log": ("yes", "a line of no use to anybody"),
}


@pytest.fixture
def greedy(stage: Stage) -> Iterator[None]:
    """Runs of the app, all at once; those that go on are stopped afterwards."""
    for words in GREEDY.values():
        stage.instance.ok("run:detached", stage.app, *words)
    yield
    for one in runs(stage):
        stage.instance.paas("run:stop", stage.app, one)  # it may have ended just before
    until(lambda: runs(stage) == [])


def runs(stage: Stage) -> list[str]:
    """Ids of the app's runs."""
    found = stage.instance.json("run:list", stage.app)
    assert isinstance(found, list)
    return [one["container_id"] for one in found]


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("greedy")
def test_whoever_takes_everything_takes_nothing_from_others(stage: Stage):
    instance = stage.instance
    until(lambda: "killed: memory limit" in instance.ok("logs", stage.app, "-p", "paas"), 300)
    _, page = prepare_push(stage)
    assert stage.repository.push().returncode == 0
    assert stage.answer().page == page
    problems = invariants.check(instance, runs=runs(stage))
    assert [*problems, *stage.prober.take_failures()] == []
