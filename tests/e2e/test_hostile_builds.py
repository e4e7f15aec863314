"""Builds that hang, fork away, flood, or are cancelled: stopped, told, nothing left behind."""

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.e2e.instance import Instance, Repository
from tests.e2e.samples import PLAIN

PACKAGE = '{"name": "x", "version": "1.0.0", "scripts": {"start": "node x.js", "build": "%s"}}'
LOCK = (
    '{"name": "x", "version": "1.0.0", "lockfileVersion": 3, "requires": true,'
    ' "packages": {"": {"name": "x", "version": "1.0.0"}}}'
)
SERVER = (
    "require('http').createServer((q, r) => r.end('node')).listen(process.env.PORT, '0.0.0.0')\n"
)


def node_app(build: str) -> dict[str, str]:
    return {"package.json": PACKAGE % build, "package-lock.json": LOCK, "x.js": SERVER}


def processes_named(text: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if text in words and "pytest" not in words and "git" not in words:
                found.append(int(entry.name))
    return found


def leftovers(platform: Instance) -> list[str]:
    """Build containers, their directories and drafts of layers that still exist."""
    settings = platform.settings
    left = [str(path) for path in (settings.run_dir / "builds").glob("*")]
    drafts = settings.state_dir / "layers" / "building"
    return left + [str(path) for path in drafts.glob("*")]


def wait_for_no_leftovers(platform: Instance) -> None:
    deadline = time.monotonic() + 10
    while leftovers(platform) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert leftovers(platform) == []


def test_a_build_that_hangs_is_stopped_at_its_time_limit(platform: Instance):
    repository = platform.repository("hangs")
    output = repository.fail(node_app("echo waiting; sleep 98761"))
    seconds = int(platform.settings.build_timeout_s)
    assert f"the build did not finish within {seconds} s and was stopped" in output
    assert processes_named("sleep 98761") == []
    wait_for_no_leftovers(platform)


def test_processes_a_build_leaves_behind_end_with_it(platform: Instance):
    repository = platform.repository("forksaway")
    repository.deploy(node_app("setsid sleep 98762 >/dev/null 2>&1 & true"))
    assert platform.get("forksaway").text == "node"
    assert processes_named("sleep 98762") == []


def test_a_build_over_its_memory_is_told_so(platform: Instance):
    program = "const a=[];for(;;)a.push(Buffer.alloc(1<<26,1))"
    repository = platform.repository("hungry")
    output = repository.fail({**node_app("node eat.js"), "eat.js": program})
    assert f"memory limit {platform.settings.build_memory_bytes >> 20} MiB" in output


def test_a_build_over_its_disk_is_stopped(platform: Instance):
    megabytes = (platform.settings.build_disk_bytes >> 20) * 3
    repository = platform.repository("fills")
    output = repository.fail(node_app(f"head -c {megabytes}M /dev/zero > big; sleep 5"))
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
    repository.commit(node_app("test -f /cache/ready || { touch /cache/ready; sleep 98763; }"))
    child = start_push(repository)
    deadline = time.monotonic() + 30
    while not processes_named("sleep 98763") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_named("sleep 98763")
    os.killpg(child.pid, signal.SIGINT)
    child.wait(timeout=20)
    deadline = time.monotonic() + 10
    while processes_named("sleep 98763") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_named("sleep 98763") == []
    wait_for_no_leftovers(platform)
    assert repository.git("ls-remote", "paas").stdout == b""
    assert platform.json("releases:list", "cancelled") == []
    assert repository.push().returncode == 0
    assert platform.get("cancelled").text == "node"


def until_begun(platform: Instance, app: str) -> None:
    """Wait until a push to an app has begun to deploy."""
    deadline = time.monotonic() + 60
    while b'"begun"' not in platform.paas("events", "--app", app, "--format", "json").stdout:
        assert time.monotonic() < deadline, "the push did not come"


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
    repository.commit({**PLAIN, "app.json": '{"scripts": {"dokku": {"predeploy": "sleep 4"}}}'})
    first = start_push(repository)
    until_begun(platform, "turns")
    repository.commit({"page.txt": "second"})
    second = repository.push()
    assert first.wait(timeout=60) == 0
    assert b"ahead of this one" in second.stderr
    assert second.returncode == 0, second.stderr
    assert platform.get("turns").text == "second"
