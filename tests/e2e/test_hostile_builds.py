"""Builds that hang, fork away, flood, or are cancelled: stopped, told, nothing left behind."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.conftest import own_settings
from tests.e2e.instance import Instance, Repository, end_group, running
from tests.e2e.samples import PLAIN
from tests.faults.stage import until

PACKAGE = '{"name": "x", "version": "1.0.0", "scripts": {"start": "node x.js", "build": "%s"}}'
LOCK = (
    '{"name": "x", "version": "1.0.0", "lockfileVersion": 3, "requires": true,'
    ' "packages": {"": {"name": "x", "version": "1.0.0"}}}'
)
SERVER = (
    "require('http').createServer((q, r) => r.end('node')).listen(process.env.PORT, '0.0.0.0')\n"
)

INLINE = {**PLAIN, ".buildpacks": "inline\n"}
# how long what is looked for sleeps: nobody else on the machine does for just as long
HANGS, LEFT, CANCELLED, TURN = map(str, random.sample(range(10**6, 10**7), 4))
PATIENCE_S = 120


def node_app(build: str) -> dict[str, str]:
    return {"package.json": PACKAGE % build, "package-lock.json": LOCK, "x.js": SERVER}


def commands() -> Iterator[tuple[int, bytes]]:
    """Every process of the machine, and its words, each ended by a zero."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            yield int(entry.name), (entry / "cmdline").read_bytes()


def processes_named(text: str) -> list[int]:
    found = []
    for pid, told in commands():
        words = told.replace(b"\0", b" ").decode(errors="replace")
        if text in words and "pytest" not in words and "git" not in words:
            found.append(pid)
    return found


def sleepers(seconds: str) -> list[int]:
    """Those that sleep for so long, and not who will have them sleep."""
    return [pid for pid, told in commands() if told == f"sleep\0{seconds}\0".encode()]


def leftovers(platform: Instance) -> list[str]:
    """Build containers, their directories and drafts of layers that still exist."""
    settings = platform.settings
    left = [str(path) for path in (settings.run_dir / "builds").glob("*")]
    drafts = settings.state_dir / "layers" / "building"
    return left + [str(path) for path in drafts.glob("*")]


def wait_for_no_leftovers(platform: Instance) -> None:
    deadline = time.monotonic() + 60
    while leftovers(platform) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert leftovers(platform) == []


def test_a_build_that_hangs_is_stopped_at_its_time_limit():
    with running(own_settings(build_timeout_s=30.0)) as impatient:
        repository = impatient.repository("hangs")
        repository.commit({**INLINE, "bin/compile": f"#!/bin/sh\nsleep {HANGS}; true\n"})
        child = start_push(repository, stderr=subprocess.PIPE)
        until(lambda: sleepers(HANGS), PATIENCE_S)
        _, output = child.communicate(timeout=120)
        assert child.returncode != 0
        assert b"the build did not finish within 30 s and was stopped" in output
        until(lambda: not sleepers(HANGS), PATIENCE_S)
        wait_for_no_leftovers(impatient)


def test_processes_a_build_leaves_behind_end_with_it(platform: Instance):
    repository = platform.repository("forksaway")
    repository.deploy(node_app(f"setsid sleep {LEFT} >/dev/null 2>&1 & true"))
    assert platform.get("forksaway").text == "node"
    until(lambda: not sleepers(LEFT), PATIENCE_S)


def test_a_build_over_its_memory_is_told_so(platform: Instance):
    program = "const a=[];for(;;)a.push(Buffer.alloc(1<<26,1))"
    repository = platform.repository("hungry")
    output = repository.fail({**node_app("node eat.js"), "eat.js": program})
    assert f"memory limit {platform.settings.build_memory_bytes >> 20} MiB" in output


def test_a_build_over_its_disk_is_stopped(platform: Instance):
    megabytes = (platform.settings.build_disk_bytes >> 20) * 3
    repository = platform.repository("fills")
    output = repository.fail(node_app(f"head -c {megabytes}M /dev/zero > big; sleep 200"))
    assert f"disk limit {platform.settings.build_disk_bytes >> 20} MiB" in output
    wait_for_no_leftovers(platform)


def test_a_build_finds_neither_the_daemons_socket_nor_another_apps_secret(platform: Instance):
    platform.ok("apps:create", "victim")
    platform.ok("config:set", "--no-restart", "victim", "CANARY=tw33tw33t")
    look = "ls /run/paas /var/lib 2>&1; env; cat /config/* /proc/*/environ 2>/dev/null; true"
    output = platform.repository("nosy").deploy(node_app(look))
    assert "tw33tw33t" not in output
    assert "paasd.sock" not in output


def test_ctrl_c_cancels_the_build_and_the_same_push_works_again(platform: Instance):
    repository = platform.repository("cancelled")
    hang = f"test -f /cache/ready || {{ touch /cache/ready; sleep {CANCELLED}; }}"
    repository.commit(node_app(hang))
    child = start_push(repository)
    until(lambda: sleepers(CANCELLED), PATIENCE_S)
    end_group(child, signal.SIGINT)
    until(lambda: not sleepers(CANCELLED), PATIENCE_S)
    wait_for_no_leftovers(platform)
    assert repository.git("ls-remote", "paas").stdout == b""
    assert platform.json("releases:list", "cancelled") == []
    assert repository.push().returncode == 0
    assert platform.get("cancelled").text == "node"


def start_push(repository: Repository, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    instance = repository.instance
    return subprocess.Popen(
        ["git", "-C", str(repository.path), "push", "paas", "main"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(instance.home),
            "GIT_SSH_COMMAND": " ".join(instance.ssh_command),
        },
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,
    )


def test_terminal_escapes_in_build_output_do_not_reach_the_pusher(platform: Instance):
    output = platform.repository("escapes").deploy(node_app("printf '\\\\033]0;owned\\\\007 done'"))
    assert "\x1b" not in output.replace("\x1b[K", "")
    assert "\x07" not in output


def test_two_pushes_to_one_app_take_turns(platform: Instance):
    repository = platform.repository("turns")
    scripts = {"predeploy": f"sleep {TURN} || true"}
    repository.commit({**PLAIN, "app.json": json.dumps({"scripts": {"dokku": scripts}})})
    first = start_push(repository)
    until(lambda: sleepers(TURN), PATIENCE_S)
    repository.commit({"page.txt": "second", "app.json": "{}"})
    second = start_push(repository, stderr=subprocess.PIPE)
    assert second.stderr is not None
    assert any(b"ahead of this one" in line for line in second.stderr)
    os.kill(sleepers(TURN)[0], signal.SIGKILL)
    _, told = second.communicate(timeout=120)
    assert first.wait(timeout=60) == 0
    assert second.returncode == 0, told
    assert platform.get("turns").text == "second"
