"""One-off commands: sessions that survive, bounds, frozen processes; through real clients."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pexpect
import pytest

from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN

APP = "oneoffs"


@pytest.fixture(scope="module", autouse=True)
def app(platform: Instance) -> str:
    """One app for all of this module."""
    procfile = PLAIN["Procfile"] + "hello: echo $WORD\n"
    platform.repository(APP).deploy({**PLAIN, "Procfile": procfile})
    return APP


@pytest.fixture(autouse=True)
def nothing_left(platform: Instance) -> Iterator[None]:
    yield
    platform.ok("run:stop", APP)


def leave(child: "pexpect.spawn[str]", told: str) -> None:
    """By the two keys; what goes on is told, and how to come back."""
    child.send("\x10\x11")
    child.expect(told)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def listed(platform: Instance) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", platform.json("run:list", APP))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def on_terminal(platform: Instance, *words: str) -> "pexpect.spawn[str]":
    """A person at the other end of `ssh -tt`."""
    command = [*platform.ssh_command, "-tt", "-p", str(platform.settings.ssh_port)]
    return pexpect.spawn(
        command[0], [*command[1:], "paas@127.0.0.1", *words], dimensions=(31, 97), timeout=30,
        encoding="utf-8",
    )  # fmt: skip


def session(platform: Instance, *words: str) -> "pexpect.spawn[str]":
    """A shell in a container, at its prompt."""
    child = on_terminal(platform, "run", *words, APP, "--", "bash", "--norc")
    child.sendline("PS1='ready''> '")
    child.expect("ready> ")
    return child


def test_a_process_type_alone_stands_for_its_command_line(platform: Instance):
    assert platform.ok("run", "-e", "WORD=from-outside", APP, "hello") == "from-outside\n"
    said = platform.ok("run", "-e", "WORD=one", APP, "hello", "two  three", "$WORD")
    assert said == "one two  three $WORD\n"
    assert platform.ok("run", "-e", "WORD=line", APP, "echo $WORD | tr a-z A-Z") == "LINE\n"


def test_bytes_go_through_as_they_are_in_both_directions(platform: Instance):
    data = os.urandom(3 << 20)
    done = platform.paas("run", APP, "--", "cat", stdin=data)
    assert done.returncode == 0
    assert done.stdout == data
    assert platform.ssh("run", "--no-tty", APP, "cat", stdin=data).stdout == data


def test_a_terminal_may_be_had_without_having_one(platform: Instance):
    line = "tty; cat; exit 6"
    done = platform.paas("run", "--force-tty", APP, "--", "sh", "-c", line, stdin=b"words")
    assert done.returncode == 6
    assert b"/dev/pts/0" in done.stdout
    assert b"words" in done.stdout
    both = platform.paas("run", "--force-tty", "--no-tty", APP, "true")
    assert both.returncode == 2


def test_a_variable_for_a_run_is_in_no_command_line_and_no_list(platform: Instance):
    name = platform.ok("run:detached", "-e", "TOKEN=canary-value", APP, "sleep", "60").strip()
    everything = b""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            everything += Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
    assert b"canary-value" not in everything
    assert "canary-value" not in platform.ok("run:list", APP, "--format", "json")
    assert platform.ok("enter", APP, name, "printenv", "TOKEN") == "canary-value\n"


def test_a_run_ends_when_its_time_is_over(platform: Instance):
    done = platform.paas("run", "--ttl-seconds", "1", APP, "sleep", "60")
    assert done.returncode == 124
    assert b"its time of 1 s was over" in done.stderr
    platform.ok("run:detached", "--ttl-seconds", "1", APP, "sleep", "60")
    until(lambda: not listed(platform))


def test_a_run_that_wanted_too_much_memory_is_told_so(platform: Instance):
    done = platform.paas("run", APP, "python3", "-c", "len(b'x' * (1 << 33))")
    assert done.returncode == 137
    assert b" !     run.1 was killed: memory limit 512 MiB\n" in done.stderr
    assert b"paas resource:limit --memory SIZE " + APP.encode() in done.stderr


def test_a_session_goes_on_without_its_connection_and_is_come_back_to(platform: Instance):
    child = session(platform)
    child.sendline("export KEPT=still-here; cd /tmp")
    child.expect("ready> ")
    os.kill(child.pid, signal.SIGKILL)
    child.close(force=True)
    until(lambda: not listed(platform)[0]["attended"])
    again = on_terminal(platform, "run:attach", APP, "run.1")
    again.expect("KEPT=still-here")  # what was shown before
    again.sendline("echo $KEPT in $PWD; stty size")
    again.expect("still-here in /tmp")
    again.expect("31 97")
    again.sendline("exit 9")
    again.expect(pexpect.EOF)
    again.close()
    assert again.exitstatus == 9
    until(lambda: not listed(platform))


def test_a_session_survives_a_killed_daemon(platform: Instance):
    child = session(platform)
    child.sendline("echo before-$((1000 + 1))")
    child.expect("before-1001")
    platform.kill()
    child.expect(pexpect.EOF)
    child.close()
    platform.start()
    (found,) = listed(platform)
    assert found["terminal"]
    again = on_terminal(platform, "run:attach", APP, found["name"])
    again.expect("before-1001")
    again.sendline("echo after-$((1000 + 2)); exit 4")
    again.expect("after-1002")
    again.expect(pexpect.EOF)
    again.close()
    assert again.exitstatus == 4


def inside(platform: Instance, *words: str) -> "pexpect.spawn[str]":
    """A shell beside what runs in the app's web process, at its prompt."""
    child = on_terminal(platform, "enter", APP, *(words or ("web", "bash", "--norc")))
    child.sendline("PS1='ready''> '")
    child.expect("ready> ")
    return child


def left_behind(platform: Instance) -> list[str]:
    """What sessions have left in containers' directories, and the conmons that hold some."""
    homes = platform.settings.run_dir / "containers"
    found = [str(one) for one in homes.glob("*/guests/*")]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = entry.read_bytes().decode(errors="replace").split("\0")
            if "--exec" in words and any(one.startswith(str(homes)) for one in words):
                found.append(" ".join(words))
    return found


def test_going_in_survives_a_lost_connection_too(platform: Instance):
    child = inside(platform)
    child.sendline("export KEPT=still-here; cd /tmp; stty size")
    child.expect("31 97")
    child.expect("ready> ")
    os.kill(child.pid, signal.SIGKILL)
    child.close(force=True)
    until(lambda: not listed(platform)[0]["attended"])
    (found,) = listed(platform)
    (web,) = cast("list[dict[str, Any]]", platform.json("ps:inspect", APP))
    assert (found["name"], found["container"], found["terminal"]) == ("enter.1", "web.1", True)
    assert (found["container_id"], found["state"]) == (web["id"], "running in web.1")
    assert re.search(r"enter\.1 .* in web\.1 .* left", platform.ok("run:list", APP))
    again = on_terminal(platform, "run:attach", APP, "enter.1")
    again.expect("KEPT=still-here")  # what was shown before
    again.setwinsize(40, 100)
    again.sendline("echo $KEPT in $PWD")
    again.expect("still-here in /tmp")
    assert listed(platform)[0]["attended"]
    again.sendline("until stty size | grep '40 100'; do sleep 0.1; done; exit 9")
    again.expect("40 100\r")
    again.expect(pexpect.EOF)
    again.close()
    assert again.exitstatus == 9
    assert listed(platform) == []
    assert left_behind(platform) == []


@pytest.mark.parametrize("end", [Instance.kill, Instance.stop], ids=["killed", "stopped"])
def test_going_in_survives_the_daemon(platform: Instance, end: Callable[[Instance], None]):
    child = inside(platform)
    child.sendline("echo before-$((1000 + 1))")
    child.expect("before-1001")
    end(platform)
    child.expect(pexpect.EOF)
    child.close()
    platform.start()
    (found,) = listed(platform)
    assert (found["name"], found["attended"]) == ("enter.1", False)
    again = on_terminal(platform, "run:attach", APP, "enter.1")
    again.expect("before-1001")
    again.sendline("echo after-$((1000 + 2)); exit 4")
    again.expect("after-1002")
    again.expect(pexpect.EOF)
    again.close()
    assert again.exitstatus == 4
    assert left_behind(platform) == []


def test_a_session_is_left_by_two_keys_and_ended_for_whoever_is_on_it(platform: Instance):
    leave(inside(platform), f"enter.1 goes on: paas run:attach {APP} enter.1")
    second = inside(platform)
    assert [one["name"] for one in listed(platform)] == ["enter.1", "enter.2"]
    assert platform.ok("run:stop", APP, "enter.2").split()[2] == "enter.2"
    second.expect("enter.2 was stopped by")
    second.expect(pexpect.EOF)
    second.close()
    assert second.exitstatus == 137
    assert platform.get(APP).status_code == 200
    assert [one["name"] for one in listed(platform)] == ["enter.1"]
    platform.ok("run:stop", APP)
    assert left_behind(platform) == []


def test_a_session_ends_with_the_container_that_it_is_in(platform: Instance):
    child = inside(platform)
    platform.ok("ps:restart", APP)
    child.expect(r"enter\.1 ended with web\.1")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 137
    assert listed(platform) == []
    assert left_behind(platform) == []


def test_what_nobody_comes_back_to_ends(platform: Instance):
    platform.ok("run:set", APP, "idle-seconds", "1")
    try:
        stays = inside(platform)
        for child in (inside(platform), session(platform)):
            child.send("\x10\x11")
            child.expect(pexpect.EOF)
        until(lambda: [one["name"] for one in listed(platform)] == ["enter.1"])
        stays.sendline("exit 2")
        stays.expect(pexpect.EOF)
        stays.close()
        assert stays.exitstatus == 2
    finally:
        platform.ok("run:set", APP, "idle-seconds")


def test_an_app_has_no_more_sessions_than_it_may(platform: Instance):
    child = inside(platform)
    platform.ok("run:set", APP, "at-once", "1")
    try:
        refused = on_terminal(platform, "enter", APP)
        refused.expect("has 1 sessions in its containers, and may have 1")
        refused.expect(pexpect.EOF)
        assert platform.ok("enter", APP, "web", "echo", "no-session") == "no-session\n"
        platform.ok("run", APP, "true")  # they are counted apart
    finally:
        platform.ok("run:set", APP, "at-once")
    child.sendline("exit")
    child.expect(pexpect.EOF)


def test_what_is_run_in_a_shell_of_commands_goes_on_without_it_too(platform: Instance):
    child = on_terminal(platform)
    child.expect("paas> ")
    child.send(f"run {APP} -- bash --norc\rPS1='ready''> '\r")  # typed ahead
    child.expect("ready> ")
    child.send("\x10\x11")  # back in the shell
    child.expect("run.1 goes on")
    child.expect("paas> ")
    child.send(f"enter {APP} web bash --norc\rPS1='ready''> '\r")
    child.expect("ready> ")
    os.kill(child.pid, signal.SIGKILL)
    child.close(force=True)
    until(lambda: not any(one["attended"] for one in listed(platform)))
    assert sorted(one["name"] for one in listed(platform)) == ["enter.1", "run.1"]


def test_leaving_is_two_keys_and_the_terminal_is_as_it_was(platform: Instance):
    leave(session(platform), f"paas run:attach {APP} run.1")
    assert [one["name"] for one in listed(platform)] == ["run.1"]


def test_interrupts_and_new_sizes_reach_the_program(platform: Instance):
    child = session(platform)
    child.sendline("trap 'echo got-''winch' WINCH; echo trap-''set; sleep 60")
    child.expect("trap-set")
    child.send("\x03")
    child.expect("ready> ")
    child.setwinsize(40, 100)
    child.expect("got-winch")
    child.sendline("stty size")
    child.expect("40 100")
    child.sendline("exit")
    child.expect(pexpect.EOF)


def test_two_may_be_on_one_terminal_and_one_may_leave(platform: Instance):
    first = session(platform)
    second = on_terminal(platform, "run:attach", APP, "run.1")
    second.expect("ready> ")
    second.sendline("echo to-''both")
    first.expect("to-both")
    second.expect("to-both")
    second.send("\x10\x11")
    second.expect(pexpect.EOF)
    first.sendline("exit 3")
    first.expect(pexpect.EOF)
    first.close()
    assert first.exitstatus == 3


@pytest.mark.parametrize("begin", [session, inside])
def test_everybody_on_a_terminal_hears_how_it_ended(
    platform: Instance, begin: Callable[[Instance], "pexpect.spawn[str]"]
):
    children = [begin(platform)]
    (found,) = listed(platform)
    for _ in range(2):
        children.append(on_terminal(platform, "run:attach", APP, found["name"]))
        children[-1].expect("ready> ")
    children[1].sendline("exit 3")
    for child in children:
        child.expect(pexpect.EOF)
        child.close()
    assert [child.exitstatus for child in children] == [3, 3, 3]
    assert listed(platform) == []


def test_what_a_terminal_shows_is_not_in_the_apps_log(platform: Instance):
    child = session(platform)
    child.sendline("echo canary-on-''terminal; exit")
    child.expect("canary-on-terminal")
    child.expect(pexpect.EOF)
    assert "canary-on-terminal" not in platform.ok("logs", APP, "-n", "10000")


def test_a_detached_run_is_followed_and_left(platform: Instance):
    name = platform.ok(
        "run:detached", APP, "--", "sh", "-c", "while sleep 0.1; do echo tick; done"
    ).strip()
    child = subprocess.Popen([*platform.ssh_to, "run:attach", APP, name], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"tick\n"
    child.kill()
    child.wait()
    child.stdout.close()
    assert [one["name"] for one in listed(platform)] == [name]
    assert "tick" in platform.ok("run:logs", APP, name)
    assert re.search(rf"One off: +{name}", platform.ok("ps:report", APP))


def test_an_app_has_no_more_runs_than_it_may(platform: Instance):
    platform.ok("run:set", APP, "at-once", "1")
    try:
        platform.ok("run:detached", APP, "sleep", "60")
        refused = platform.paas("run", APP, "true")
        assert refused.returncode == 1
        assert b"may have 1" in refused.stderr
        assert platform.paas("run:detached", APP, "true").returncode == 1
    finally:
        platform.ok("run:set", APP, "at-once")


def test_a_frozen_process_stays_as_it_is_and_goes_on(platform: Instance):
    platform.ok("ps:freeze", APP, "web")
    try:
        assert "frozen (CID" in platform.ok("ps:report", APP, "--status-web.1")
        refused = platform.paas("enter", APP, "web", "true")
        assert b"is frozen" in refused.stderr
        (web,) = cast("list[dict[str, Any]]", platform.json("ps:inspect", APP))
        assert web["frozen"]
    finally:
        platform.ok("ps:thaw", APP)
    assert platform.get(APP).status_code == 200
    (thawed,) = cast("list[dict[str, Any]]", platform.json("ps:inspect", APP))
    assert (thawed["frozen"], thawed["id"]) == (False, web["id"])


def test_an_app_with_frozen_processes_is_deployed_and_stopped_as_any_other(platform: Instance):
    platform.ok("ps:freeze", APP)
    platform.ok("ps:restart", APP)
    assert platform.get(APP).status_code == 200
    assert "running (CID" in platform.ok("ps:report", APP, "--status-web.1")
    assert "runs no worker" in platform.paas("ps:freeze", APP, "worker").stderr.decode()


def test_what_is_run_or_entered_gets_its_three_streams_and_no_more(platform: Instance):
    mine = "ls -l /proc/self/fd | grep -vE ' (0|1|2|3) -> ' | grep -c -- '->'"
    for argv in (("run", APP, "--", "sh", "-c", mine), ("enter", APP, "web", "sh", "-c", mine)):
        assert platform.paas(*argv).stdout == b"0\n"
    for child in (session(platform), inside(platform)):
        child.sendline(f"echo open-$({mine}).")
        child.expect(r"open-0\.")
        child.sendline("exit")
        child.expect(pexpect.EOF)


def test_a_shell_is_a_session_of_commands_with_what_they_need(platform: Instance):
    child = on_terminal(platform)  # no command at all
    child.expect("quit to leave")
    child.expect("paas> ")
    child.send("apps:rep\t" + APP[:5] + "\t\r")
    child.expect("App created at")
    child.expect("paas> ")
    child.sendline(f"run {APP} -- sh -c 'stty size; exit 3'")
    child.expect("31 97")
    child.expect("paas> ")
    child.sendline(f"logs {APP} -t -n 1")
    child.expect(r"\d\d:\d\d:\d\d")  # it has begun
    child.send("\x03")
    child.expect("paas> ")
    child.send("\x1b[A\x1b[A\x15version\r")
    child.expect(r"paas version [0-9.]+")
    child.expect("paas> ")
    child.sendline("apps:report nobody")
    child.expect("does not exist")
    child.expect("paas> ")
    child.send("\x04")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 20


def test_a_connection_without_command_and_terminal_gets_the_help(platform: Instance):
    done = platform.ssh()
    assert b"Usage: paas" in done.stdout
