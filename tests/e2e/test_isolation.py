"""What an app can see and take: its own files, its own network, its own share."""

import contextlib
import time

import requests

from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN


def test_an_app_sees_no_process_and_no_file_of_the_host(platform: Instance):
    canary = platform.root / "canary"
    canary.write_text("secret of the host")
    platform.repository("inside").deploy(PLAIN)
    processes = platform.ok("run", "inside", "--", "sh", "-c", "ls -d /proc/[0-9]* | wc -l")
    assert int(processes.split()[-1]) < 8
    done = platform.paas("run", "inside", "cat", str(canary))
    assert done.returncode != 0
    assert b"secret of the host" not in done.stdout


def test_an_app_has_no_capability_and_cannot_gain_one(platform: Instance):
    platform.repository("powerless").deploy(PLAIN)
    status = platform.ok("run", "powerless", "cat", "/proc/self/status")
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1"
    assert fields["Seccomp"].strip() == "2"
    for attempt in ("unshare -U true", "mount -t tmpfs x /tmp", "touch /etc/x", "touch /usr/bin/x"):
        assert platform.paas("run", "powerless", "--", "sh", "-c", attempt).returncode != 0, attempt


def test_an_app_reaches_neither_another_app_nor_the_host(platform: Instance):
    platform.repository("one").deploy(PLAIN)
    platform.repository("two").deploy(PLAIN)
    (address,) = [c["address"] for c in platform.json("ps:inspect", "one") if c["running"]]
    gateway = address.rsplit(".", 1)[0] + ".1"
    program = (
        "import socket,sys\n"
        "def tries(host, port):\n"
        "    try:\n"
        "        socket.create_connection((host, port), 2); return 'open'\n"
        "    except OSError: return 'closed'\n"
        f"print(tries('{address}', 5000), tries('{gateway}', {platform.settings.ssh_port}),"
        f" tries('{gateway}', {platform.settings.http_port}), tries('169.254.169.254', 80))\n"
    )
    output = platform.ok("run", "two", "--", "python3", "-c", program)
    assert output.split()[-4:] == ["closed"] * 4


def test_memory_over_the_limit_is_named_and_the_neighbour_serves_on(platform: Instance):
    platform.repository("greedy").deploy(PLAIN)
    platform.repository("neighbour").deploy(PLAIN)
    platform.ok("resource:limit", "greedy", "--memory", "64m")
    platform.ok("ps:restart", "greedy")
    with contextlib.suppress(requests.RequestException):  # it may die before it has answered
        platform.get("greedy", "/eat")
    deadline = time.monotonic() + 60
    while (
        "memory limit 64 MiB" not in platform.ok("logs", "greedy") and time.monotonic() < deadline
    ):
        assert platform.get("neighbour").status_code == 200
        time.sleep(0.2)
    assert "killed: memory limit 64 MiB" in platform.ok("logs", "greedy")
    assert "memory limit 64 MiB" in platform.ok("ps:report", "greedy")
    while platform.get("greedy").status_code != 200 and time.monotonic() < deadline + 60:
        time.sleep(0.1)
    assert platform.get("greedy").text == "hello"


def test_a_fork_bomb_is_contained_by_the_process_limit(platform: Instance):
    platform.repository("forks").deploy(PLAIN)
    platform.ok("resource:limit", "forks", "--pids", "40", "--process-type", "run")
    program = (
        "import os,time\n"
        "n=0\n"
        "try:\n"
        "    while n<200:\n"
        "        if os.fork()==0: time.sleep(5); os._exit(0)\n"
        "        n+=1\n"
        "except OSError: pass\n"
        "print('forked', n)\n"
    )
    output = platform.ok("run", "forks", "--", "python3", "-c", program)
    assert 5 < int(output.split()[-1]) < 40


def test_cpu_is_held_to_the_limit(platform: Instance):
    platform.repository("busy").deploy(PLAIN)
    platform.ok("resource:limit", "busy", "--cpu", "0.2", "--process-type", "run")
    program = (
        "import time\n"
        "c,s=time.process_time(),time.monotonic()\n"
        "while time.monotonic()-s<2: pass\n"
        "print(time.process_time()-c)\n"
    )
    output = platform.ok("run", "busy", "--", "python3", "-c", program)
    assert float(output.split()[-1]) < 0.8
