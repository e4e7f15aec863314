"""Jobs of app.json on a real platform: run by hand, at their times, across a killed daemon."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from tests.e2e.instance import Instance, Repository
from tests.e2e.samples import PLAIN

APP = "timed"
NOT_NOW = datetime.now(UTC) + timedelta(hours=12)
JOBS = [
    {"command": "echo hello-from-$DYNO", "schedule": f"0 {NOT_NOW.hour} * * *"},
    {"command": "echo words >&2; exit 3", "schedule": "@weekly", "timezone": "Europe/Berlin"},
    {"command": "sleep 300", "schedule": "0 4 1 1 *", "concurrency_policy": "forbid"},
]


@pytest.fixture(scope="module", autouse=True)
def app(platform: Instance) -> Repository:
    repository = platform.repository(APP)
    repository.deploy({**PLAIN, "app.json": json.dumps({"cron": JOBS})})
    return repository


def jobs(platform: Instance) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", platform.json("cron:list", APP))


def runs(platform: Instance, job: str) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", platform.json("cron:runs", APP, job))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_job_is_run_by_hand_with_its_output_and_exit_code(platform: Instance):
    good, bad, _ = (one["id"] for one in jobs(platform))
    assert platform.ssh("cron:run", APP, good).stdout == b"hello-from-cron.1\n"
    done = platform.paas("cron:run", APP, bad)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"words\n")
    assert platform.ok("cron:logs", APP, bad) == "words\n"
    until(lambda: jobs(platform)[1]["last"]["state"] == "failed")
    assert jobs(platform)[1]["last"]["exit_code"] == 3
    until(lambda: f"({bad}) exited with code 3" in platform.ok("events", "--app", APP))


def test_a_job_in_the_background_is_stopped_with_its_app_and_not_run_beside_itself(
    platform: Instance,
):
    sleeper = jobs(platform)[2]["id"]
    assert platform.ok("cron:run", "--detach", APP, sleeper) == "cron.1\n"
    refused = platform.paas("cron:run", APP, sleeper)
    assert refused.returncode == 1
    assert b"still runs" in refused.stderr
    assert "Stopped 1 running jobs" in platform.ok("ps:stop", APP)
    assert runs(platform, sleeper)[1]["state"] == "stopped"
    assert all(one["resting"] == f"{APP} is stopped" for one in jobs(platform))
    platform.ok("ps:start", APP)


def test_a_job_ends_when_its_time_is_over(platform: Instance):
    sleeper = jobs(platform)[2]["id"]
    platform.ok("cron:run", "--detach", "--ttl-seconds", "1", APP, sleeper)
    until(lambda: runs(platform, sleeper)[0]["state"] == "stopped")
    assert "its time of 1 s was over" in runs(platform, sleeper)[0]["words"]


def test_what_ran_is_adopted_and_what_was_missed_is_run_once_after_a_killed_daemon(
    platform: Instance,
):
    nightly, _, sleeper = (one["id"] for one in jobs(platform))
    platform.ok("cron:run", "--detach", APP, sleeper)
    before = len(runs(platform, nightly))
    until(lambda: remembered(platform, nightly))  # it is looked at soon after the deploy
    platform.kill()
    set_back(platform, nightly)
    platform.start()
    until(lambda: len(runs(platform, nightly)) > before)
    until(lambda: runs(platform, nightly)[0]["state"] == "succeeded")
    made_up = runs(platform, nightly)[0]
    assert made_up["due_at"].endswith(":00Z")
    assert made_up["actor"] == "schedule"
    assert runs(platform, sleeper)[0]["state"] == "running"
    platform.ok("run:stop", APP, runs(platform, sleeper)[0]["container"])
    until(lambda: runs(platform, sleeper)[0]["words"] == "stopped by root")
    assert len(runs(platform, nightly)) == before + 1


def remembered(platform: Instance, job: str) -> bool:
    with closing(sqlite3.connect(platform.settings.state_dir / "paas.db")) as database:
        found = database.execute("select 1 from jobs where job_id = ?", (job,))
        return found.fetchone() is not None


def set_back(platform: Instance, job: str) -> None:
    """As if nobody had looked at a job for three days."""
    with closing(sqlite3.connect(platform.settings.state_dir / "paas.db")) as database:
        database.execute(
            "update jobs set handled_until = datetime('now', '-3 days') where job_id = ?", (job,)
        )
        database.commit()


def test_nothing_of_an_apps_words_reaches_the_servers_crontab(platform: Instance, app: Repository):
    evil = {"command": "true\n* * * * * root touch /tmp/canary", "schedule": "@daily"}
    said = app.fail({"app.json": json.dumps({"cron": [evil]})})
    assert "cron[0].command must be one line" in said
    never = {"command": "x", "schedule": "99 * * * *"}
    said = app.fail({"app.json": json.dumps({"cron": [never]})})
    assert "cron[0].schedule" in said
    assert len(jobs(platform)) == 3
