"""Collections in a loop while everything goes on, and collections that die: nothing needed goes."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from tests.e2e.instance import Instance, Repository
from tests.faults import invariants
from tests.faults.case import arm, died, sprung
from tests.faults.stage import FILES, faulty_instance

SECONDS = 15.0
WITH_PACKAGE = {
    **{name: text for name, text in FILES.items() if name != "Procfile"},
    "requirements.txt": "six\n",
    "Procfile": "web: exec python server.py\n",
}


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    """Without collections that come by themselves: the tests' own are to find what they do."""
    with faulty_instance(releases_kept=3, gc_interval_s=0.0) as made:
        yield made


def page(instance: Instance, app: str) -> str:
    """What an app answers with: its name, its release and then this."""
    return instance.get(app).text.split(" ")[2]


def kept(instance: Instance, app: str) -> list[str]:
    """Releases that can be gone back to, oldest first."""
    listed = instance.json("releases:list", app)
    return [one["version"] for one in reversed(listed) if one["status"] == "succeeded"]


class Loop:
    """An errand done over and over in a thread until the time is over; what went wrong."""

    def __init__(self, until: float, errand: Callable[[int], None]) -> None:
        self._until = until
        self._errand = errand
        self.rounds = 0

    def run(self) -> None:
        for number in count():
            if time.monotonic() > self._until:
                return
            self._errand(number)
            self.rounds += 1


def test_everything_goes_on_while_space_is_freed_and_every_kept_release_is_whole(
    instance: Instance,
):
    apps = ("pushed", "rolled", "moved", "twin", "twin2")
    repositories = {app: instance.repository(app) for app in apps}
    for app, repository in repositories.items():
        files = WITH_PACKAGE if app.startswith("twin") else FILES
        repository.deploy({**files, "name.txt": app, "page.txt": f"{app}-0"})
        for number in (1, 2):
            instance.ok("config:set", app, f"ROUND={number}")
    until = time.monotonic() + SECONDS
    loops = [Loop(until, errand) for errand in errands(instance, repositories)]
    with ThreadPoolExecutor(len(loops)) as pool:
        for future in [pool.submit(loop.run) for loop in loops]:
            future.result()
    assert all(loop.rounds for loop in loops), [loop.rounds for loop in loops]
    instance.ok("gc", "--all")
    for app in [one for one in instance.json("apps:list") if one != "brief"]:
        for version in kept(instance, app):
            instance.ok("releases:rollback", app, version)
            assert page(instance, app).partition("-")[0] in (app, "moved"), version
    assert invariants.check(instance, patience_s=60) == []


def errands(instance: Instance, repositories: dict[str, Repository]) -> list[Callable[[int], None]]:
    def collect(_: int) -> None:
        instance.ok("gc", "--all")

    def push(number: int) -> None:
        repositories["pushed"].deploy({"page.txt": f"pushed-{number}"})

    def push_twins(number: int) -> None:
        """Two apps make equal dependency layers, again and again."""
        for app in ("twin", "twin2"):
            requirements = f"six  # {number}\n"
            repositories[app].deploy({"requirements.txt": requirements, "page.txt": f"{app}-x"})

    def go_back(_: int) -> None:
        """To the oldest release that is kept, which is the next one to be pruned."""
        oldest = kept(instance, "rolled")[0]
        instance.ok("releases:rollback", "rolled", oldest)
        assert page(instance, "rolled") == "rolled-0"

    def move(number: int) -> None:
        names = ("moved", "moved2") if number % 2 == 0 else ("moved2", "moved")
        instance.ok("apps:rename", *names)
        instance.ok("ps:restart", names[1])

    def live_briefly(number: int) -> None:
        path = instance.root / "work" / "brief"
        if not path.exists():
            instance.repository("brief").write({**FILES, "name.txt": "brief"})
        brief = Repository.__new__(Repository)
        brief.instance, brief.app, brief.path = instance, "brief", path
        brief.deploy({"page.txt": f"brief-{number}"})
        instance.ok("apps:destroy", "--force", "brief")

    def run(_: int) -> None:
        said = instance.ok("run", "rolled", "cat", "page.txt", "server.py")
        assert said.startswith("rolled-0")

    return [collect, push, push_twins, go_back, move, live_briefly, run]


# -- dying in the middle ---------------------------------------------------------------


@pytest.fixture(scope="module")
def twins(instance: Instance) -> list[Repository]:
    made = [instance.repository(app) for app in ("left", "right")]
    for repository in made:
        repository.deploy({**FILES, "name.txt": "twins", "page.txt": "0"})
    return made


def stored_apart(instance: Instance) -> int:
    """How many layers have files of their own."""
    return len(list((instance.settings.state_dir / "layers").glob("*/files")))


@pytest.mark.parametrize(
    "point", ["merge.begin", "merge.record", "merge.recorded", "collect.step=kill@6"]
)
def test_a_daemon_killed_while_it_frees_space_has_lost_nothing(
    instance: Instance, twins: list[Repository], point: str
):
    for repository in twins:
        repository.deploy({"page.txt": point})  # the same source twice: something to merge
    arm(instance, point if "=" in point else f"{point}=kill@2")
    assert instance.paas("gc").returncode != 0
    died(instance)
    instance.start()
    instance.ok("gc")
    for repository in twins:
        instance.ok("ps:restart", repository.app)
        assert page(instance, repository.app) == point
        instance.ok("releases:rollback", repository.app)
    instance.ok("gc")
    assert invariants.check(instance) == []  # no draft of a layer is left either


@pytest.mark.parametrize("action", ["enospc", "eio"])
def test_a_disk_that_fails_while_space_is_freed_costs_that_step_alone(
    instance: Instance, twins: list[Repository], action: str
):
    for repository in twins:
        repository.deploy({"page.txt": action})
    arm(instance, f"merge.record={action}+")
    instance.ok("gc")
    arm(instance, "")
    assert [page(instance, one.app) for one in twins] == [action, action]
    instance.ok("gc")  # from now on both have one set of files
    for repository in twins:
        instance.ok("ps:restart", repository.app)
    deadline = time.monotonic() + 60  # until the old ones have ended
    while "copy" not in freed_kinds(instance):
        assert time.monotonic() < deadline
    assert [page(instance, one.app) for one in twins] == [action, action]
    assert invariants.check(instance) == []


def freed_kinds(instance: Instance) -> set[str]:
    return {one["kind"] for one in json.loads(instance.ok("gc", "--format", "json"))["freed"]}


def test_a_collection_ends_with_its_caller(instance: Instance, twins: list[Repository]):
    import subprocess

    arm(instance, "collect.step=delay:3")
    argv = instance.ssh_to
    child = subprocess.Popen([*argv, "gc"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert sprung(instance, "collect.step")
    child.kill()
    child.wait()
    began = time.monotonic()
    instance.ok("gc")  # waits for the other one's turn to end
    assert time.monotonic() - began < 100
