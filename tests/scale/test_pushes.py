"""Twenty pushes at once: each is deployed, at once or in its turn, or is told why not."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.scale.conftest import APPS, PATIENCE_S, Pushed
from tests.scale.fleet import Fleet, wait_until
from tests.scale.witness import SERVED, Witness

pytestmark = pytest.mark.timeout(900)

PUSHES = 20


def test_twenty_apps_pushed_at_once_are_all_deployed(pushed: Pushed):
    assert pushed.failed == []
    assert len(pushed.fleet.names) == APPS
    served = {name: versions(pushed.fleet, name) for name in pushed.fleet.names}
    assert served == {name: [1] for name in pushed.fleet.names}


def versions(fleet: Fleet, app: str) -> list[int]:
    """Releases of an app that served, oldest first."""
    rows = fleet.instance.json("releases:list", app)
    served = (row["version"] for row in rows if row["status"] == "succeeded")  # type: ignore[attr-defined]
    return sorted(int(version.removeprefix("v")) for version in served)


def test_every_one_of_them_answers_by_its_own_name(fleet: Fleet, witness: Witness):
    since = time.monotonic()
    assert wait_until(lambda: len(witness.first_served(since)) == APPS, PATIENCE_S)
    assert witness.unexpected(SERVED) == []


def pushed_at_once(fleet: Fleet, app: str) -> list[tuple[str, int, str]]:
    """Twenty commits that know nothing of each other, pushed by force: each with exit and words."""
    commits = [fleet.commit(f"{app} {number}") for number in range(PUSHES)]

    def push(commit: str) -> tuple[str, int, str]:
        done = fleet.push(app, f"+{commit}:refs/heads/main")
        return commit, done.returncode, done.stderr.decode()

    with ThreadPoolExecutor(PUSHES) as pool:
        return list(pool.map(push, commits))


def deployed_commits(fleet: Fleet, app: str) -> list[str]:
    """The commit of each release that served, oldest first."""
    return [
        fleet.instance.json("releases:info", app, f"v{version}")["commit"]  # type: ignore[index]
        for version in versions(fleet, app)
    ]


def refused(outcomes: Sequence[tuple[str, int, str]]) -> list[str]:
    return [words for _, status, words in outcomes if status]


def test_twenty_pushes_of_one_app_that_wait_are_all_deployed(fleet: Fleet, witness: Witness):
    app = fleet.names[0]
    fleet.instance.ok("git:set", app, "queue", "wait")
    outcomes = pushed_at_once(fleet, app)
    assert refused(outcomes) == []
    assert sorted(deployed_commits(fleet, app)[1:]) == sorted(one for one, _, _ in outcomes)
    assert fleet.branch(app) == deployed_commits(fleet, app)[-1]
    assert witness.unexpected(SERVED) == []


def test_of_twenty_pushes_that_may_be_replaced_each_is_deployed_or_told_so(fleet: Fleet):
    app = fleet.names[1]
    outcomes = pushed_at_once(fleet, app)
    done = {commit for commit, status, _ in outcomes if not status}
    assert set(deployed_commits(fleet, app)[1:]) == done
    assert 2 <= len(done) < PUSHES
    assert all("takes its place" in words for words in refused(outcomes)), refused(outcomes)
    assert fleet.branch(app) == deployed_commits(fleet, app)[-1]
