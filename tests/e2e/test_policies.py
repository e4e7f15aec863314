"""Policies of deploys: checks, restarts, rollbacks, the queue of pushes, and paused apps."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import requests

from paas.engines.embedded.cgroups import Cgroups
from tests.conftest import own_settings
from tests.e2e.instance import Instance, running
from tests.e2e.samples import PLAIN, SERVER, WITH_WORKER
from tests.e2e.test_hostile_builds import node_app, processes_named, start_push

CRASHES_WHEN_ASKED = SERVER.replace("/die", "/crash").replace("os._exit(3)", "os._exit(9)")


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def manifest(**healthchecks: list[dict[str, object]]) -> str:
    return json.dumps({"healthchecks": healthchecks})


def events(platform: Instance, app: str) -> list[tuple[str, str, str]]:
    lines = platform.ok("events", "--app", app, "--format", "json").splitlines()
    found = [json.loads(line) for line in lines]
    return [(one["action"], one["result"], one["detail"]) for one in found]


@contextmanager
def visited(platform: Instance, app: str) -> Iterator[list[int]]:
    """An app asked over and over while the block runs; the statuses of its answers."""
    statuses: list[int] = []
    over = threading.Event()

    def visit() -> None:
        while not over.is_set():
            statuses.append(platform.get(app).status_code)

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(visit)
        try:
            yield statuses
        finally:
            over.set()


# -- checks ----------------------------------------------------------------------------


def test_every_kind_of_check_is_made_before_a_version_serves(platform: Instance):
    web = [
        {"path": "/", "content": "first", "name": "page", "initialDelay": 1},
        {"type": "readiness", "listening": True, "port": 5000},
        {"command": ["test", "-e", "page.txt"]},
        {"path": "/", "content": "never", "warn": True, "attempts": 1, "name": "hope"},
        {"type": "liveness", "path": "/", "content": "never"},
    ]
    repository = platform.repository("judged")
    files = {**WITH_WORKER, "page.txt": "first", "app.json": manifest(web=web)}
    output = repository.deploy(files)
    assert "failed its health check (hope) once" in output
    assert "All checks successful (web.1)" in output
    assert "GET / with 'first'" in platform.ok("checks:report", "judged")
    refused = repository.fail({"page.txt": "second"})
    assert "failed its health check (page) 3 times: GET / answered without 'first'" in refused
    assert platform.get("judged").text == "first"
    platform.ok("checks:skip", "judged", "web")
    assert "Skipping pre-flight checks (web.1)" in repository.deploy()
    until(lambda: platform.get("judged").text == "second")
    done = platform.paas("checks:run", "judged", "web.1")
    assert done.returncode == 1
    assert b"(page)" in done.stderr
    platform.ok("checks:set", "judged", "path", "/")
    platform.ok("checks:run", "judged")


def test_a_worker_is_checked_too_and_a_failure_may_call_a_command(platform: Instance):
    worker = [
        {
            "command": ["sh", "-c", "echo looked; exit 3"],
            "attempts": 2,
            "onFailure": {"command": ["echo", "called after it"]},
        }
    ]
    formation = {"worker": {"quantity": 1}}
    app_json = json.dumps({"healthchecks": {"worker": worker}, "formation": formation})
    output = platform.repository("watchful").fail({**WITH_WORKER, "app.json": app_json})
    assert "worker.1 failed its health check 2 times: `sh -c" in output
    assert "exited with code 3" in output
    assert "looked" in output
    assert "called after it" in output or "onFailure" in output
    assert platform.get("watchful").status_code == 404


def test_the_old_checks_file_is_read(platform: Instance):
    files = {**PLAIN, "page.txt": "one", "CHECKS": "WAIT=0\nATTEMPTS=2\n/ two\n"}
    output = platform.repository("checked").fail(files)
    assert "failed its health check (CHECKS 1) 2 times: GET / answered without 'two'" in output


def test_with_checks_disabled_old_and_new_never_meet_and_requests_wait(platform: Instance):
    platform.repository("apart").deploy(WITH_WORKER)
    platform.ok("ps:scale", "apart", "worker=1")
    platform.ok("checks:disable", "apart")
    with visited(platform, "apart") as statuses:
        output = platform.ok("config:set", "apart", "A=1")
    assert "Stopping web.1 first: its checks are disabled" in output
    assert "Stopping worker.1 first" in output
    assert set(statuses) == {200}
    assert platform.get("apart", "/env/A").text == "1"
    assert sorted(running_in(platform, "apart")) == ["web.1", "worker.1"]


def test_the_patrol_starts_nothing_where_checks_are_disabled_and_the_old_one_ends_first():
    with running(own_settings(patrol_s=0.1)) as instance:
        instance.repository("apart").deploy(WITH_WORKER)
        instance.ok("ps:scale", "apart", "worker=1")
        instance.ok("checks:disable", "apart")
        with ThreadPoolExecutor(1) as pool:
            for number in range(3):
                change = pool.submit(instance.ok, "config:set", "apart", f"A={number}")
                while not change.done():
                    assert len(set(names := running_in(instance, "apart"))) == len(names), names
                assert sorted(running_in(instance, "apart")) == ["web.1", "worker.1"]


def running_in(instance: Instance, app: str) -> list[str]:
    return [one["name"] for one in instance.json("ps:inspect", app) if one["running"]]


def test_several_instances_switch_before_any_old_one_ends(platform: Instance):
    repository = platform.repository("several")
    repository.deploy({**PLAIN, "page.txt": "one"})
    platform.ok("ps:scale", "several", "web=2")
    with visited(platform, "several") as statuses:
        repository.deploy({"page.txt": "two"})
        assert {platform.get("several").text for _ in range(8)} == {"two"}
        platform.ok("ps:restart", "several")
        platform.ok("domains:add", "several", "several.example.com")
        platform.ok("releases:rollback", "several")
        platform.ok("ps:scale", "several", "web=1")
    assert set(statuses) == {200}
    assert platform.get("several").text == "one"


# -- ends --------------------------------------------------------------------------------


def test_a_process_that_is_not_to_restart_stays_down_and_its_end_is_remembered(
    platform: Instance,
):
    platform.repository("mortal").deploy(PLAIN)
    platform.ok("ps:set", "mortal", "restart-policy", "no")
    platform.get("mortal", "/die")
    until(lambda: "given up" in platform.ok("ps:report", "mortal"))
    assert platform.get("mortal").status_code == 502
    platform.stop()
    platform.start()
    report = platform.json("ps:report", "mortal")
    assert report["status-web.1"] == "crashed: exited with code 3, given up after 0 restarts"
    assert report["last-exit-web.1"].startswith("exited with code 3, v1, 20")
    platform.ok("ps:start", "mortal")
    assert platform.get("mortal").status_code == 200


def test_a_release_that_crashes_after_its_switch_gives_way_to_the_last_healthy_one(
    platform: Instance,
):
    repository = platform.repository("relapse")
    repository.deploy({**PLAIN, "page.txt": "good"})
    platform.ok("config:set", "relapse", "LEVEL=right")
    platform.ok("config:set", "--no-restart", "relapse", "LEVEL=wrong")
    repository.deploy({"server.py": CRASHES_WHEN_ASKED, "page.txt": "bad"})
    for times in range(1, 4):
        until(partial(has_crashed, platform, "relapse", times))
    until(lambda: ("rollback", "succeeded") in [one[:2] for one in events(platform, "relapse")])
    assert platform.get("relapse").text == "good"
    assert platform.get("relapse", "/env/LEVEL").text == "right"
    words = platform.ok("ps:report", "relapse", "--rolled-back")
    assert words.startswith("v3 gave way to v4: Rollback to v2: v3 crashed 3 times")
    assert "v3 crashed 3 times soon after its switch: rolling back to v2" in platform.ok(
        "logs", "relapse", "-n", "1000"
    )
    happened = events(platform, "relapse")
    assert ("rollback", "begun", "v3 crashed 3 times soon after its switch: back to v2") in happened
    assert any(one[0] == "exit" and "exited with code 9" in one[2] for one in happened)
    states = {one["version"]: one["status"] for one in platform.json("releases:list", "relapse")}
    assert states == {"v1": "succeeded", "v2": "succeeded", "v3": "failed", "v4": "succeeded"}


def has_crashed(platform: Instance, app: str, times: int) -> bool:
    """Whether an app's process has ended so often; it is asked to until it has."""
    if [one[0] for one in events(platform, app)].count("exit") >= times:
        return True
    platform.get(app, "/crash")
    return False


# -- pushes --------------------------------------------------------------------------------

GATE = "until test -e /gate/open; do sleep 0.1; done"
GATED = {"app.json": json.dumps({"scripts": {"dokku": {"predeploy": GATE}}})}


def test_a_newer_push_takes_the_place_of_one_that_waits(platform: Instance):
    platform.ok("apps:create", "queued")
    platform.ok("storage:ensure-directory", "queued")
    gate = Path(platform.settings.storage_roots[0]) / "queued"
    platform.ok("storage:mount", "queued", f"{gate}:/gate")
    repository = platform.repository("queued")
    repository.commit({**PLAIN, **GATED, "page.txt": "one"})
    first = start_push(repository)
    until(lambda: ("deploy", "begun") in [one[:2] for one in events(platform, "queued")])
    repository.commit({"page.txt": "two"})
    second = start_push(repository, stderr=subprocess.PIPE)
    assert second.stderr is not None
    assert any(b"Waiting for" in line for line in second.stderr)
    repository.commit({"page.txt": "three"})
    third = start_push(repository, stderr=subprocess.PIPE)
    _, told = second.communicate(timeout=60)
    assert second.returncode != 0
    assert b"came after it and takes its place" in told
    (gate / "open").touch()
    _, said = third.communicate(timeout=120)
    assert first.wait(60) == 0
    assert third.returncode == 0, said
    assert b"by tester to finish; 1 ahead of this one" in said
    assert platform.get("queued").text == "three"
    head = repository.git("rev-parse", "HEAD").stdout
    assert repository.git("ls-remote", "paas", "main").stdout.split()[0] == head.strip()
    assert any(one[:2] == ("push", "failed") for one in events(platform, "queued"))


def test_builds_leave_the_processors_to_the_apps(platform: Instance):
    burn = "for n in 1 2 3 4; do timeout %d sh -c 'while :; do :; done' & done; wait; true"
    build, work = (f"{name}-hard-{platform.settings.name}.sh" for name in ("build", "work"))
    worker = {**PLAIN, work: burn % 300}
    worker["Procfile"] = f"web: python3 server.py\nworker: bash {work}\n"
    platform.repository("working").deploy(worker)
    platform.ok("ps:scale", "working", "worker=1")
    repository = platform.repository("building")
    repository.commit({**node_app(f"bash {build}"), build: burn % 20})
    child = start_push(repository)
    try:
        until(lambda: processes_named(f"bash {build}"), 120)
        before = [cpu_seconds(platform, f"bash {script}") for script in (build, work)]
        time.sleep(6)
        after = [cpu_seconds(platform, f"bash {script}") for script in (build, work)]
        of_build, of_app = (b - a for a, b in zip(before, after, strict=True))
    finally:
        platform.ok("ps:scale", "working", "worker=0")
        child.wait(120)
    assert of_app > 2 * of_build > 0


def cpu_seconds(platform: Instance, words: str) -> float:
    """How long the container of a process has had a processor."""
    lines = Path(f"/proc/{processes_named(words)[0]}/cgroup").read_text().splitlines()
    name = platform.settings.cgroup_name
    found = next(line for line in lines if f"/{name}/" in line)
    return Cgroups(name).usage(found.rpartition("/")[2]).cpu_seconds


# -- paused ----------------------------------------------------------------------------------


def test_requests_for_a_paused_app_wait_until_it_is_resumed_or_they_waited_enough(
    platform: Instance,
):
    repository = platform.repository("paused")
    repository.deploy({**PLAIN, "page.txt": "one"})
    platform.ok("ps:set", "paused", "pause-seconds", "600")
    platform.ok("ps:pause", "paused")
    assert platform.ok("ps:report", "paused", "--paused").startswith("20")
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(get_at_last, platform, "paused") for _ in range(8)]
        repository.deploy({"page.txt": "two"})
        assert not any(one.done() for one in waiting)
        platform.ok("ps:resume", "paused")
        assert {one.result(60) for one in waiting} == {"two"}
    platform.ok("ps:set", "paused", "pause-seconds", "1")
    platform.ok("ps:pause", "paused")
    answer = platform.get("paused")
    assert (answer.status_code, "Back in a moment" in answer.text) == (503, True)
    platform.ok("ps:resume", "paused")
    assert platform.get("paused").text == "two"


def get_at_last(platform: Instance, app: str) -> str:
    """An app's page, by somebody who waits for as long as it takes."""
    url = f"http://127.0.0.1:{platform.settings.http_port}"
    host = f"{app}.{platform.settings.domain}"
    return requests.get(url, headers={"Host": host}, timeout=300).text
