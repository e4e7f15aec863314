"""From an image to a release that serves: the tasks around it, in dokku's order and words."""

import json
import subprocess
import time
from typing import Any

from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN, WITH_WORKER

SCRIPTS = {
    "dokku": {"predeploy": "echo predeploy runs > kept.txt", "postdeploy": "echo postdeploy runs"},
    "postdeploy": "echo seeding",
}
TASKS = {
    **PLAIN,
    "Procfile": "release: cat kept.txt; echo migrating\nweb: python3 server.py\n",
    "app.json": json.dumps({"scripts": SCRIPTS, "env": {"MODE": {"value": "small"}}}),
}


def said(push: str) -> list[str]:
    """A push's lines without git's prefix."""
    return [line.removeprefix("remote: ").rstrip() for line in push.splitlines()]


def scale_of(platform: Instance, app: str) -> dict[str, int]:
    found: Any = platform.json("ps:scale", app)
    return {one["process_type"]: one["quantity"] for one in found}


def test_tasks_run_in_dokkus_order_and_are_told_in_its_words(platform: Instance):
    repository = platform.repository("tasked")
    lines = said(repository.deploy(TASKS))
    expected = [
        "-----> Releasing tasked...",
        "-----> Checking for predeploy task",
        "-----> Checking for release task",
        "       Executing release task from Procfile: cat kept.txt; echo migrating",
        "       predeploy runs",
        "       migrating",
        "-----> Checking for first deploy postdeploy task",
        "       seeding",
        "=====> Processing deployment checks",
        "-----> Deploying web (count=1)",
        "       Attempting pre-flight checks (web.1)",
        "       All checks successful (web.1)",
        "-----> Running post-deploy",
        "-----> Checking for postdeploy task",
        "       postdeploy runs",
        "=====> Application deployed:",
    ]
    assert [line for line in lines if line in expected] == expected
    assert any(line.startswith("=====> Start of tasked release task (") for line in lines)
    info: Any = platform.json("releases:info", "tasked")
    assert info["scripts"] == ["predeploy", "first deploy postdeploy", "postdeploy"]
    names = [one.partition(":")[0] for one in info["phases"]]
    assert names == [
        *("waiting", "source", "build", "predeploy", "release", "first deploy postdeploy"),
        *("containers", "switch", "postdeploy"),
    ]
    again = said(repository.deploy({"page.txt": "two"}))
    assert "       postdeploy runs" in again
    assert "       seeding" not in again
    assert "       No predeploy task found, skipping" not in again
    assert platform.json("builds:info", "tasked", info["build"])["release"] == "v1"  # type: ignore[call-overload,index]


def test_without_tasks_the_push_says_so(platform: Instance):
    lines = said(platform.repository("taskless").deploy(PLAIN))
    for name in ("predeploy", "release", "first deploy postdeploy", "postdeploy"):
        assert f"       No {name} task found, skipping" in lines


def test_a_first_deploys_task_that_fails_stops_the_deploy_and_runs_once(platform: Instance):
    manifest = json.dumps({"scripts": {"postdeploy": "echo seeding; exit 3"}})
    repository = platform.repository("unseeded")
    output = repository.fail({**PLAIN, "app.json": manifest})
    assert "the postdeploy task exited with code 3" in output
    found: Any = platform.json("releases:list", "unseeded")
    assert [one["status"] for one in found] == ["failed"]
    assert "seeding" not in repository.deploy()
    assert platform.get("unseeded").status_code == 200


def test_a_number_in_the_file_counts_when_it_changes_and_by_hand_until_then(platform: Instance):
    def formation(web: int, worker: int) -> dict[str, str]:
        wanted = {"web": {"quantity": web}, "worker": {"quantity": worker}}
        return {"app.json": json.dumps({"formation": wanted})}

    repository = platform.repository("formed")
    repository.deploy({**WITH_WORKER, **formation(1, 1)})
    assert scale_of(platform, "formed") == {"web": 1, "worker": 1}
    platform.ok("ps:scale", "formed", "worker=0")
    repository.deploy({"page.txt": "two"})
    assert scale_of(platform, "formed") == {"web": 1, "worker": 0}
    repository.deploy(formation(2, 1))
    assert scale_of(platform, "formed") == {"web": 2, "worker": 0}
    repository.fail({**formation(3, 2), "Procfile": "web: exit 1\nworker: exit 1\n"})
    assert scale_of(platform, "formed") == {"web": 2, "worker": 0}


def test_a_task_can_be_cancelled_and_leaves_nothing(platform: Instance):
    repository = platform.repository("halted")
    repository.deploy({**PLAIN, "page.txt": "one"})
    procfile = "release: echo waiting; sleep 100\nweb: python3 server.py\n"
    repository.commit({"Procfile": procfile, "page.txt": "two"})
    child = subprocess.Popen(
        ["git", "-C", str(repository.path), "push", "paas", "main"],
        env=repository.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + 60
    while "       waiting\n" not in platform.ok("builds:output", "halted", "--no-tail"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "canceled: cancelled by root" in platform.ok("builds:cancel", "halted")
    out, _ = child.communicate(timeout=60)
    assert child.returncode != 0
    assert b"cancelled by root" in out
    found: Any = platform.json("builds:list", "halted")
    assert [one["status"] for one in found] == ["canceled", "succeeded"]
    assert found[0]["phases"][-1]["name"] == "release"
    assert platform.get("halted").text == "one"
    left: Any = platform.json("containers:list", "halted")
    assert [one["name"] for one in left] == ["web.1"]
