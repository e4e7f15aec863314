"""ssh administers: commands over SSH and locally, logs, one-off runs, releases."""

import subprocess
import time

import pexpect

from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN, WITH_WORKER


def test_the_same_command_answers_over_ssh_and_locally(platform: Instance):
    platform.ok("apps:create", "twice")
    over_ssh = platform.ssh("apps:list", "--format", "json")
    assert over_ssh.returncode == 0, over_ssh.stderr
    assert over_ssh.stdout.decode() == platform.ok("apps:list", "--format", "json")
    assert "twice" in over_ssh.stdout.decode()


def test_an_unknown_command_suggests_the_nearest_and_fails(platform: Instance):
    done = platform.ssh("app:lst")
    assert done.returncode != 0
    assert b"apps:list" in done.stderr


def test_an_unknown_app_exits_with_dokkus_code(platform: Instance):
    assert platform.ssh("ps:report", "nobody").returncode == 20


def test_config_reaches_the_app_and_a_release_is_cut(platform: Instance):
    platform.repository("configured").deploy(PLAIN)
    platform.ok("config:set", "configured", "GREETING=a b\nc", "OTHER=1")
    assert platform.get("configured", "/env/GREETING").text == "a b\nc"
    platform.ok("config:set", "--no-restart", "configured", "LATER=yes")
    assert platform.get("configured", "/env/LATER").text == "(unset)"
    assert platform.ok("config:get", "configured", "LATER").strip() == "yes"
    assert "v2" in platform.ok("releases:list", "configured")


def test_domains_are_routed_as_soon_as_they_are_added(platform: Instance):
    platform.repository("named").deploy(PLAIN)
    platform.ok("domains:add", "named", "shop.example.com")
    import requests

    url = f"http://127.0.0.1:{platform.settings.http_port}/"
    answer = requests.get(url, headers={"Host": "SHOP.example.com"}, timeout=60)
    assert answer.text == "hello"
    taken = platform.paas("domains:add", "twice2", "shop.example.com")
    assert taken.returncode == 20
    platform.ok("apps:create", "twice2")
    assert platform.paas("domains:add", "twice2", "shop.example.com").returncode != 0


def test_rollback_brings_the_earlier_page_and_config_back(platform: Instance):
    repository = platform.repository("back")
    repository.deploy({**PLAIN, "page.txt": "one"})
    repository.deploy({"page.txt": "two"})
    assert platform.get("back").text == "two"
    platform.ok("releases:rollback", "back")
    assert platform.get("back").text == "one"
    platform.ok("releases:rollback", "back", "v2")
    assert platform.get("back").text == "two"


def test_logs_hold_every_process_and_follow_live(platform: Instance):
    platform.repository("talk").deploy(WITH_WORKER)
    refused = platform.paas("ps:scale", "talk", "nope=1")
    assert b"there is no process type nope" in refused.stderr
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert "Scaling talk worker to 1" in platform.ok("ps:scale", "talk", "worker=1")
    child = subprocess.Popen(
        [*platform.ssh_to, "logs", "talk", "-t"],
        stdout=subprocess.PIPE,
    )
    try:
        assert b"worker.1" in line_with(child, b"tick")
        platform.get("talk", "/find-me")
        assert b"web.1" in line_with(child, b"find-me")
    finally:
        child.kill()
        child.wait()
    platform.ok("ps:restart", "talk")
    assert "find-me" in platform.ok("logs", "talk", "-n", "1000")


def line_with(child: subprocess.Popen[bytes], words: bytes) -> bytes:
    """The next line that has these words, of one who says something again and again."""
    assert child.stdout is not None
    deadline = time.monotonic() + 60
    while words not in (line := child.stdout.readline()):
        assert line
        assert time.monotonic() < deadline
    return line


def test_run_carries_stdin_and_the_exit_code(platform: Instance):
    platform.repository("oneoff").deploy(PLAIN)
    done = platform.ssh("run", "oneoff", "cat", stdin=b"through and through")
    assert (done.returncode, done.stdout) == (0, b"through and through")
    assert platform.ssh("run", "oneoff", "--", "sh", "-c", "'exit 7'").returncode == 7


def test_an_interactive_run_has_a_real_terminal_of_the_callers_size(platform: Instance):
    platform.repository("shell").deploy(PLAIN)
    command = [
        *platform.ssh_command,
        "-tt",
        "-p",
        str(platform.settings.ssh_port),
        "paas@127.0.0.1",
    ]
    child = pexpect.spawn(
        command[0], [*command[1:], "run", "shell", "bash"], dimensions=(31, 97), timeout=60
    )
    child.sendline("stty size; tty")
    child.expect("31 97")
    child.expect("/dev/pts/")
    child.setwinsize(40, 100)
    child.sendline("until stty size | grep -q '40 1''00'; do sleep 0.1; done; stty size")
    child.expect("40 100")
    child.sendline("exit 5")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 5


def test_enter_joins_a_running_container(platform: Instance):
    platform.repository("joined").deploy(PLAIN)
    output = platform.ok("enter", "joined", "web", "cat", "/proc/1/cmdline")
    assert "init" in output
    assert platform.ok("enter", "joined", "web.1", "printenv", "DYNO").strip() == "web.1"


def test_detached_runs_are_listed_and_stopped(platform: Instance):
    platform.repository("later").deploy(PLAIN)
    name = platform.ok("run:detached", "later", "sleep", "100").split()[-1]
    assert name in platform.ok("run:list", "later")
    platform.ok("run:stop", "later", name)
    assert name not in platform.ok("run:list", "later")


def test_a_stopped_app_shows_a_page_and_starts_again(platform: Instance):
    platform.repository("resting").deploy(PLAIN)
    platform.ok("ps:stop", "resting")
    assert platform.get("resting").status_code == 503
    platform.ok("ps:start", "resting")
    assert platform.get("resting").text == "hello"


def test_a_crashed_process_is_restarted_and_its_exit_is_told(platform: Instance):
    platform.repository("phoenix").deploy(PLAIN)
    with_error = platform.get("phoenix", "/die")
    assert with_error.status_code in (502, 503)
    deadline = time.monotonic() + 60
    while platform.get("phoenix").status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert platform.get("phoenix").text == "hello"
    assert "web.1 exited with code 3" in platform.ok("logs", "phoenix")
    assert "exited with code 3" in platform.ok("ps:report", "phoenix")


def test_a_locked_app_refuses_pushes_until_it_is_unlocked(platform: Instance):
    repository = platform.repository("held")
    repository.deploy(PLAIN)
    platform.ok("apps:lock", "held")
    assert "held is locked" in repository.fail({"page.txt": "new"})
    platform.ok("apps:unlock", "held")
    repository.deploy()
    assert platform.get("held").text == "new"


def test_a_renamed_app_answers_under_its_new_name_only(platform: Instance):
    platform.repository("before").deploy(PLAIN)
    platform.ok("apps:rename", "before", "after")
    assert platform.get("after").text == "hello"
    assert platform.paas("apps:exists", "before").returncode != 0


def test_a_destroyed_app_leaves_nothing(platform: Instance):
    platform.repository("gone").deploy(PLAIN)
    refused = platform.paas("apps:destroy", "gone", stdin=b"wrong\n")
    assert refused.returncode != 0
    platform.ok("apps:destroy", "gone", "--force")
    assert "gone" not in platform.ok("apps:list").split()
    state = platform.settings.state_dir
    assert not (state / "repos" / "gone.git").exists()
    assert not (state / "logs" / "gone").exists()


def test_the_daemon_can_be_killed_and_every_app_serves_on(platform: Instance):
    platform.repository("steady").deploy(PLAIN)
    platform.kill()
    assert platform.get("steady").text == "hello"
    platform.start()
    assert platform.get("steady").text == "hello"
    platform.ok("ps:restart", "steady")
    assert platform.get("steady").text == "hello"
