import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from paas.commands.table import dispatch
from paas.console import Console
from paas.deploy import policies
from paas.logs.line import format_entry
from paas.model.app import App
from paas.model.caller import Caller, Role
from paas.platform import Platform, log_bytes
from tests.commands.conftest import ADMIN, Admin

NOW = datetime.now(UTC).replace(microsecond=0)


def write(platform: Platform, source: str, *texts: str, minutes_ago: int = 0) -> Path:
    """Lines as conmon leaves them on disk."""
    path = platform.settings.state_dir / "logs" / "blog" / f"{source}.abcdefghij.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    at = NOW - timedelta(minutes=minutes_ago)
    with path.open("ab") as file:
        for number, text in enumerate(texts):
            file.write(format_entry(text, at + timedelta(microseconds=number)))
    return path


def test_lines_of_every_process_come_by_time_in_dokkus_form(
    admin: Admin, platform: Platform, blog: App
):
    write(platform, "worker.1", "later")
    write(platform, "web.1", "earlier", minutes_ago=5)
    said = admin.ok("logs", "blog").splitlines()
    stamp = f"{NOW - timedelta(minutes=5):%Y-%m-%dT%H:%M:%S}.000000Z"
    assert said[0] == f"{stamp} app[web.1]: earlier"
    assert said[1].endswith(" app[worker.1]: later")


def test_the_last_100_lines_unless_asked_otherwise(admin: Admin, platform: Platform, blog: App):
    write(platform, "web.1", *(f"line {number}" for number in range(150)))
    assert len(admin.ok("logs", "blog").splitlines()) == 100
    assert admin.ok("logs", "blog", "-n", "2", "-q") == "line 148\nline 149\n"
    assert len(admin.ok("logs", "blog", "--num", "1000").splitlines()) == 150
    assert len(admin.ok("logs", "blog", "--since", "100h").splitlines()) == 150


def test_one_process_type_one_instance_or_paas_itself(admin: Admin, platform: Platform, blog: App):
    for source in ("web.1", "web.2", "worker.1"):
        write(platform, source, f"from {source}")
    platform.logs.append("blog", "from paas")
    assert "worker" not in admin.ok("logs", "blog", "-p", "web")
    assert admin.ok("logs", "blog", "-p", "web.2", "-q") == "from web.2\n"
    assert admin.ok("logs", "blog", "--ps", "paas", "--quiet") == "from paas\n"


def test_a_process_that_never_was_is_refused_and_those_that_were_are_named(
    admin: Admin, platform: Platform, blog: App
):
    write(platform, "web.1", "from web.1")
    for argv in (("logs", "blog", "-p", "nope"), ("run:logs", "blog", "nope")):
        said = admin.fails(*argv)
        assert "nothing of nope is in the log of blog" in said.err
        assert "there are lines of: web.1" in said.err
    assert admin.ok("logs", "blog", "-p", "paas") == ""


@pytest.mark.parametrize("form", ["an age", "a time"])
def test_since_leaves_older_lines_out(admin: Admin, platform: Platform, blog: App, form: str):
    write(platform, "web.1", "old", minutes_ago=60)
    write(platform, "web.1", "new")
    moment = NOW - timedelta(minutes=10)
    age_s = (datetime.now(UTC) - moment).total_seconds()  # the tests may have begun a while ago
    since = f"{int(age_s)}s" if form == "an age" else moment.isoformat()
    assert admin.ok("logs", "blog", "--since", since, "-q") == "new\n"


@pytest.mark.parametrize(
    "argv",
    [
        ("--since", "yesterday"),
        ("--since", "-5m"),
        ("--since", "999999999d"),
        ("-n", "-1"),
        ("-n", "all"),
        ("-p", "../web"),
        ("--format", "xml"),
    ],
)
def test_a_wish_without_sense_is_refused(admin: Admin, blog: App, argv: tuple[str, ...]):
    assert admin.fails("logs", "blog", *argv).status == 2


def test_logs_of_an_app_that_does_not_exist_exit_20(admin: Admin):
    assert admin.fails("logs", "nobody").status == 20


def test_no_app_can_drive_the_readers_terminal(admin: Admin, platform: Platform, blog: App):
    write(platform, "web.1", "\x1b]0;owned\x07\x1b[31mred\x1b[0m\x9b2J plain")
    for flags in ((), ("-q",)):
        said = admin.ok("logs", "blog", *flags)
        assert said.endswith("red2J plain\n")
        assert not {"\x1b", "\x9b", "\x07"} & set(said)
    raw = admin.ok("logs", "blog", "--format", "json")
    assert "\x1b" not in raw
    assert json.loads(raw)["text"].startswith("\x1b]0;owned")


def test_json_is_an_object_a_line(admin: Admin, platform: Platform, blog: App):
    write(platform, "web.1", "one", "two")
    first, second = (
        json.loads(line) for line in admin.ok("logs", "blog", "--format", "json").splitlines()
    )
    assert (first["app"], first["source"], first["stream"]) == ("blog", "web.1", "stdout")
    assert (first["text"], second["text"]) == ("one", "two")


def test_following_shows_new_lines_until_the_caller_leaves(platform: Platform, blog: App):
    path = write(platform, "web.1", "before")
    read_end, write_end = os.pipe()
    with Path(os.devnull).open("r+b") as nothing:
        console = Console(nothing.fileno(), write_end, nothing.fileno())
        argv = ["logs", "blog", "-t", "-q"]
        thread = threading.Thread(target=dispatch, args=(platform, ADMIN, argv, console))
        thread.start()
        with os.fdopen(read_end) as shown:
            assert shown.readline() == "before\n"
            with path.open("ab") as file:
                file.write(format_entry("after"))
            assert shown.readline() == "after\n"
        console.cancel()
        thread.join(60)
        assert not thread.is_alive()
    os.close(write_end)


def test_run_logs_show_one_off_containers_only(admin: Admin, platform: Platform, blog: App):
    write(platform, "web.1", "web")
    write(platform, "run.1", "first")
    write(platform, "run.2", "second")
    assert "web" not in admin.ok("run:logs", "blog", "-q")
    assert admin.ok("run:logs", "blog", "run.2", "-q") == "second\n"
    assert admin.fails("run:logs", "nobody").status == 20


def test_the_size_of_a_log_is_the_apps_over_the_instances(
    admin: Admin, platform: Platform, blog: App
):
    assert policies.log_bytes(platform, blog) == platform.settings.log_max_bytes
    admin.ok("logs:set", "--global", "max-size", "1m")
    admin.ok("logs:set", "blog", "max-size", "20m")
    assert policies.log_bytes(platform, blog) == 20 << 20
    assert log_bytes(platform.settings, platform.store, "blog") == 20 << 20
    report = admin("logs:report", "blog", "--format", "json").json()
    assert (report["max-size"], report["global-max-size"]) == ("20m", "1m")
    admin.ok("logs:set", "blog", "max-size", "unlimited")
    assert policies.log_bytes(platform, blog) > 1 << 40
    assert log_bytes(platform.settings, platform.store, "gone") == 1 << 20
    for bad in ("lots", "1k", "-1", "10 q"):
        assert admin.fails("logs:set", "blog", "max-size", "--", bad).status == 2
    assert "known: max-size" in admin.fails("logs:set", "blog", "colour", "red").err
    assert "not supported" in admin.fails("logs:set", "blog", "vector-sink", "console://").err


def test_what_was_said_while_a_deploy_failed_is_found_again(
    admin: Admin, platform: Platform, blog: App
):
    assert "no failed deploy of blog" in admin.fails("logs:failed", "blog").err
    write(platform, "web.1", "long before", minutes_ago=60)
    platform.record("blog", "alice", "deploy", "Deploy 1a2b3c4d", "begun")
    platform.logs.append("blog", "KeyError: DATABASE_URL")
    platform.record("blog", "alice", "deploy", "Deploy 1a2b3c4d: web ended", "failed")
    platform.record("blog", "alice", "deploy", "Deploy 5e6f", "begun")
    platform.logs.append("blog", "all is well")
    platform.record("blog", "alice", "deploy", "Deploy 5e6f", "succeeded")
    for said in (admin.ok("logs:failed", "blog"), admin.ok("logs:failed", "--all")):
        assert "blog: Deploy 1a2b3c4d: web ended failed at" in said
        assert "KeyError: DATABASE_URL" in said
        assert "long before" not in said
        assert "all is well" not in said
    assert admin.fails("logs:failed").status == 2
    assert admin.fails("logs:failed", "blog", "--all").status == 2


SINK = "https://shipper:hunter2@logs.example.com/in/token?key=abc"
SHOWN = "https://logs.example.com:443/..."


def test_a_sink_is_set_and_its_secrets_are_shown_to_nobody(
    admin: Admin, platform: Platform, blog: App
):
    said = admin.ok("logs:set", "blog", "sinks", f"{SINK},syslog+tcp://logs.example.com")
    assert f"Setting sinks of blog to {SHOWN},syslog+tcp://logs.example.com:601" in said
    report = admin("logs:report", "blog", "--format", "json").json()
    assert report["sinks"] == f"{SHOWN},syslog+tcp://logs.example.com:601"
    assert report["sink-1"] == f"{SHOWN} is about to begin"
    told = said + admin.ok("events") + str(report) + admin.ok("logs:report")
    database = (platform.settings.state_dir / "paas.db").read_bytes()
    for secret in ("shipper", "hunter2", "token", "key=abc"):
        assert secret not in told
        assert secret.encode() not in database
    admin.ok("logs:set", "blog", "sinks")
    assert admin("logs:report", "blog", "--format", "json").json()["sinks"] == ""


def test_a_sink_may_come_on_standard_input(admin: Admin, platform: Platform, blog: App):
    admin.ok("logs:set", "blog", "sinks", "-", stdin=f"{SINK}\n".encode())
    assert platform.store.secrets.get(blog, "logs", "sinks") == SINK
    assert admin.fails("logs:set", "blog", "sinks", "-", stdin=b"\n").status == 2


def test_the_instances_sinks_get_every_apps_lines_too(admin: Admin, blog: App):
    admin.ok("logs:set", "--global", "sinks", "syslog+udp://127.0.0.1")
    admin.ok("logs:set", "blog", "sinks", "syslog+tcp://logs.example.com")
    report = admin("logs:report", "blog", "--format", "json").json()
    assert report["sinks"] == "syslog+tcp://logs.example.com:601"
    assert report["global-sinks"] == "syslog+udp://127.0.0.1:514"
    assert report["computed-sinks"] == ",".join((report["sinks"], report["global-sinks"]))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.7", "169.254.169.254", "[::1]"])
def test_an_apps_sink_at_an_inward_address_is_refused_unless_its_network_is_opened(
    admin: Admin, platform: Platform, blog: App, host: str
):
    said = admin.fails("logs:set", "blog", "sinks", f"https://a:hunter2@{host}/")
    assert "no public address" in said.err
    assert "hunter2" not in said.err
    assert platform.store.secrets.get(blog, "logs", "sinks") is None
    networks = "127.0.0.0/8,10.0.0.0/24,169.254.0.0/16,::1/128"
    admin.ok("logs:set", "--global", "sink-networks", networks)
    admin.ok("logs:set", "blog", "sinks", f"https://a:hunter2@{host}/")
    assert admin.fails("logs:set", "blog", "sink-networks", "0.0.0.0/0").status == 1


def test_only_administrators_set_what_all_apps_are_shipped_to(platform: Platform, blog: App):
    roles = frozenset({Role.PLUGIN})
    plugin = Admin(platform, Caller("tool", "plugin", roles, may=("read", "write")))
    plugin.ok("logs:set", "blog", "sinks", "syslog+tcp://logs.example.com")
    for key, value in (("sinks", "syslog+tcp://127.0.0.1"), ("sink-networks", "127.0.0.0/8")):
        assert plugin.fails("logs:set", "--global", key, value).status == 77


def test_a_bad_sink_is_refused(admin: Admin, blog: App):
    for bad in ("console://", "syslog://host", "syslog+tcp://host/x", "https://a:hunter2@/"):
        said = admin.fails("logs:set", "blog", "sinks", bad)
        assert said.status == 2
        assert "hunter2" not in said.err
    assert "paas logs:set APP sinks URL" in admin.fails("logs:vector-start").err
