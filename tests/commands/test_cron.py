"""cron: jobs listed, run, suspended and set."""

import pytest

from paas.cron import running
from paas.model.app import App
from paas.model.container import ExitStatus, Kind
from paas.model.job import Job, State
from paas.model.release import Image
from paas.platform import Platform
from tests.commands.conftest import Admin, boot

NIGHTLY = Job("python nightly.py", "0 3 * * *", zone="Europe/Berlin", concurrency="forbid")


@pytest.fixture
def app(platform: Platform, blog: App) -> App:
    """An app with two jobs."""
    entries = [
        {"command": "python nightly.py", "schedule": "0 3 * * *", "timezone": "Europe/Berlin",
         "concurrency_policy": "forbid"},
        {"command": "true", "schedule": "@hourly", "maintenance": True},
    ]  # fmt: skip
    image = Image("image1", (), {}, manifest={"cron": entries})
    release = platform.store.releases.cut(blog, image, {}, "x")
    platform.store.releases.succeed(release)
    return blog


def test_jobs_are_listed_with_their_next_time_and_last_result(
    admin: Admin, platform: Platform, app: App
):
    number = platform.store.jobs.add(app.id, NIGHTLY.id, State.WAITING, actor="alice")
    run = platform.store.jobs.run(number)
    assert run is not None
    platform.store.jobs.begin(run, "abcdefghij", "cron.1")
    platform.store.jobs.end(run, State.FAILED, "exited with code 3", 3)
    nightly, hourly = admin("cron:list", "blog", "--format", "json").json()
    assert nightly["id"] == NIGHTLY.id
    assert nightly["command"] == "python nightly.py"
    assert nightly["schedule"] == "0 3 * * *"
    assert nightly["concurrency_policy"] == "forbid"
    assert nightly["last"]["state"] == "failed"
    assert nightly["last"]["exit_code"] == 3
    assert nightly["next"].endswith(("T01:00:00Z", "T02:00:00Z"))  # three in Berlin
    assert (hourly["maintenance"], hourly["next"]) == (True, "")
    text = admin.ok("cron:list", "blog")
    assert "0 3 * * * Europe/Berlin" in text
    assert "maintenance" in text
    assert admin.ok("cron", "blog") == text


def test_runs_of_a_job_are_listed_and_their_words_shown(admin: Admin, platform: Platform, app: App):
    number = platform.store.jobs.add(app.id, NIGHTLY.id, State.WAITING, actor="alice")
    run = platform.store.jobs.run(number)
    assert run is not None
    assert "has not run yet" in admin.fails("cron:logs", "blog", NIGHTLY.id).err
    platform.store.jobs.begin(run, "abcdefghij", "cron.1")
    log = platform.logs.directory("blog") / "cron.1.abcdefghij.log"
    log.parent.mkdir(parents=True)
    log.write_text("2026-05-04T12:00:00.0+00:00 stdout F \x1b]0;evil\x07hello\n")
    platform.store.jobs.end(run, State.SUCCEEDED, "exited with code 0", 0)
    assert admin.ok("cron:logs", "blog", NIGHTLY.id) == "hello\n"
    assert admin.ok("cron:logs", "blog", NIGHTLY.id, "--run", str(number)) == "hello\n"
    assert "no run 99" in admin.fails("cron:logs", "blog", NIGHTLY.id, "--run", "99").err
    (listed,) = admin("cron:runs", "blog", NIGHTLY.id, "--format", "json").json()
    assert (listed["state"], listed["container"], listed["actor"]) == (
        "succeeded", "cron.1", "alice",
    )  # fmt: skip
    assert "by alice" in admin.ok("cron:runs", "blog", NIGHTLY.id)


def test_a_job_is_suspended_and_resumed(admin: Admin, app: App):
    admin.ok("cron:suspend", "blog", NIGHTLY.id)
    nightly = admin("cron:list", "blog", "--format", "json").json()[0]
    assert (nightly["suspended"], nightly["next"], nightly["resting"]) == (True, "", "suspended")
    assert admin.ok("cron:report", "blog", "--cron-suspended") == "1\n"
    admin.ok("cron:resume", "blog", NIGHTLY.id)
    nightly = admin("cron:list", "blog", "--format", "json").json()[0]
    assert not nightly["suspended"]
    assert nightly["next"]


@pytest.mark.parametrize("name", ["run", "suspend", "resume", "runs", "logs"])
def test_a_job_there_is_not_is_named_with_those_there_are(admin: Admin, app: App, name: str):
    said = admin.fails(f"cron:{name}", "blog", "nothing")
    assert "no job nothing" in said.err
    assert NIGHTLY.id in said.err
    assert admin.fails(f"cron:{name}", "blog", "../../x").status == 2
    assert admin.fails(f"cron:{name}", "nobody", NIGHTLY.id).status == 20


def test_properties_are_checked_and_reported(admin: Admin, app: App):
    admin.ok("cron:set", "blog", "timezone", "Europe/Berlin")
    admin.ok("cron:set", "--global", "mailto", "ops@example.com")
    admin.ok("cron:set", "blog", "missed", "skip")
    found = admin("cron:report", "blog", "--format", "json").json()
    assert found["cron-task-count"] == found["task-count"] == "2"
    assert found["computed-timezone"] == "Europe/Berlin"
    assert (found["mailto"], found["computed-mailto"]) == ("", "ops@example.com")
    assert (found["computed-missed"], found["global-missed"]) == ("skip", "")
    for key, value in (
        ("timezone", "Mars/Base"), ("mailto", "-oQ/tmp"), ("missed", "twice"),
        ("maintenance", "maybe"), ("ttl-seconds", "0"), ("ttl-seconds", "soon"),
    ):  # fmt: skip
        admin.fails("cron:set", "blog", key, value)
    assert admin("cron:report", "blog", "--format", "json").json() == found


def test_mail_is_no_matter_where_nobody_is_mailed(admin: Admin, app: App):
    assert admin("cron:set", "blog", "maintenance", "true").err == ""
    admin.ok("cron:set", "blog", "mailto", "ops@example.com")
    assert admin("cron:set", "blog", "mailto").err == ""


def test_a_server_that_cannot_send_mail_says_so_when_it_is_asked_to(admin: Admin, app: App):
    said = admin("cron:set", "blog", "mailto", "ops@example.com")
    report = admin.ok("cron:report", "blog", "--cron-mail")
    assert ("no mail is sent" in said.err) == ("no mail is sent" in report)


def test_stopping_an_app_stops_its_jobs(
    admin: Admin, platform: Platform, app: App, pipeline: object
):
    container = boot(platform, app, "cron.1", kind=Kind.RUN)
    number = platform.store.jobs.add(app.id, NIGHTLY.id, State.WAITING)
    run = platform.store.jobs.run(number)
    assert run is not None
    platform.store.jobs.begin(run, container.id, "cron.1")
    assert "Stopped 1 running" in admin.ok("ps:stop", "blog")
    ended = platform.store.jobs.run(number)
    assert ended is not None
    assert ended.state is State.STOPPED
    assert running.result(ExitStatus(143), "x", container.id)[0] is State.STOPPED
