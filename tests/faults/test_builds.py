"""What is recorded of a deploy that was followed, cancelled, left alone or killed."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.instance import REPOSITORY
from tests.faults.case import arm
from tests.faults.operations import prepare_push
from tests.faults.stage import Stage, died, until
from tests.faults.test_pushes import (
    DEADLINE_S,
    nothing_wrong,
    pushing,
    said,
    until_logged,
    until_under_way,
)


def newest(stage: Stage) -> Any:
    return stage.instance.json("builds:info", stage.app)


def output(stage: Stage, *words: str) -> str:
    return stage.instance.ok("builds:output", stage.app, *words)


@contextmanager
def following(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        [str(REPOSITORY / "bin" / "paas"), "builds:output", stage.app, "current"],
        env=stage.instance.environment,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def test_a_deploy_under_way_can_be_followed_to_its_end(stage: Stage):
    _, page = prepare_push(stage)
    arm(stage.instance, "health.check=hold")
    with pushing(stage.repository) as child:
        until_logged(stage, "failpoint health.check: hold")
        began = time.monotonic()
        running = stage.instance.json("builds:list")
        with following(stage) as follower:
            assert follower.stdout is not None
            first = follower.stdout.readline()
            held_s = time.monotonic() - began
            arm(stage.instance, "")
            told = said(child)
            others, _ = follower.communicate(timeout=DEADLINE_S)
    assert child.returncode == 0, told
    assert [(one["app"], one["status"]) for one in running] == [(stage.app, "running")]
    lines = (first + others).decode().splitlines()
    assert f"-----> Building {stage.app} from main" in lines[0]
    assert "=====> Application deployed:" in lines
    pushed = {line.removeprefix("remote: ").rstrip() for line in told.splitlines()}
    assert {line.rstrip() for line in lines} <= pushed
    build = newest(stage)
    assert (build["status"], build["kind"], build["source"]) == ("succeeded", "build", "git-hook")
    assert build["actor"] == "tester"
    release = stage.instance.json("releases:info", stage.app)
    assert (build["release"], release["build"]) == (release["version"], build["id"])
    phases = {one["name"]: one["seconds"] for one in build["phases"]}
    assert {"waiting", "source", "build", "containers", "switch"} <= phases.keys()
    assert phases["containers"] > held_s
    assert stage.answer().page == page
    nothing_wrong(stage)


def test_a_deploy_that_somebody_cancels_ends_and_says_who_it_was(stage: Stage):
    before, page = prepare_push(stage)
    arm(stage.instance, "build.container=delay:5")  # longer than a client takes to ask
    with pushing(stage.repository) as child:
        until_logged(stage, "failpoint build.container: delay")
        assert "canceled: cancelled by" in stage.instance.ok("builds:cancel", stage.app)
        told = said(child)
    assert child.returncode != 0
    assert "cancelled by root" in told
    assert newest(stage)["status"] == "canceled"
    assert " !     cancelled by root" in output(stage)
    assert stage.answer().page == before
    assert "App not currently deploying" in stage.instance.ok("builds:cancel", stage.app)
    assert stage.repository.push().returncode == 0
    assert stage.answer().page == page
    nothing_wrong(stage)


def test_whoever_lost_the_connection_can_read_what_the_deploy_said(stage: Stage):
    prepare_push(stage)
    arm(stage.instance, "health.check=delay:5")  # longer than it takes to see a client leave
    with pushing(stage.repository) as child:
        until_logged(stage, "failpoint health.check: delay")
        os.killpg(child.pid, signal.SIGKILL)
    nothing_wrong(stage)
    until(lambda: newest(stage)["status"] == "canceled")
    assert "-----> Deploying web (count=1)" in output(stage)
    assert stage.repository.push().returncode == 0


def test_a_push_that_gave_its_place_to_a_newer_one_is_recorded_too(stage: Stage):
    prepare_push(stage)
    arm(stage.instance, "build.container=hold")
    with pushing(stage.repository) as first:
        until_logged(stage, "failpoint build.container: hold")
        prepare_push(stage)
        stage.page += 1
        stage.repository.commit({"page.txt": str(stage.page)})
        with pushing(stage.repository) as second:
            until_under_way(stage, 2)
            stage.page += 1
            stage.repository.commit({"page.txt": str(stage.page)})
            with pushing(stage.repository) as third:
                assert "takes its place" in said(second)
                arm(stage.instance, "")
                assert third.wait(DEADLINE_S) == 0
        assert first.wait(DEADLINE_S) == 0
    found: Any = stage.instance.json("builds:list", stage.app)
    replaced = next(one for one in found if "takes its place" in one["result"])
    assert replaced["status"] == "canceled"
    assert "1 ahead of this one" in output(stage, replaced["id"])
    assert stage.answer().page == str(stage.page)
    nothing_wrong(stage)


def test_a_deploy_that_the_daemon_did_not_survive_is_failed_and_can_be_read(stage: Stage):
    prepare_push(stage)
    arm(stage.instance, "health.passed=kill")
    with pushing(stage.repository):
        died(stage.instance)
        stage.instance.start()
    build = newest(stage)
    assert (build["status"], build["result"]) == ("failed", "the daemon ended before it did")
    assert "All checks successful" in output(stage)
    nothing_wrong(stage)
    assert stage.repository.push().returncode == 0
