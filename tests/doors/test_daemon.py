"""paasd's life: one instance, readiness told, an orderly end."""

import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from paas.console import Console
from paas.doors import daemon, journal
from paas.doors.dispatch import Sessions
from tests.doors.conftest import ROOT

PROGRAM = Path(__file__).with_name("daemon_with_a_small_platform.py")


class Daemon:
    def __init__(self, settings):
        self.settings = settings
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PAAS_SETTINGS": "/dev/null",
            "PAAS_STATE_DIR": str(settings.state_dir),
            "PAAS_RUN_DIR": str(settings.run_dir),
            "PAAS_SSH_PORT": str(settings.ssh_port),
            "PAAS_LISTEN_ADDRESS": "127.0.0.1",
            "PAAS_UID_BASE": str(settings.uid_base),
        }

    def start(self, **more):
        notified = self.settings.run_dir / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(str(notified))
            listener.settimeout(60)
            environment = {**self.environment, "NOTIFY_SOCKET": str(notified), **more}
            running = subprocess.Popen(
                [sys.executable, PROGRAM],
                env=environment,
                stderr=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            assert listener.recv(100) == b"READY=1"
        notified.unlink()
        return running

    def client(self, *words, **more):
        return subprocess.Popen(
            [ROOT / "bin" / "paas", *words],
            env={"PATH": os.environ["PATH"], "PAAS_RUN_DIR": str(self.settings.run_dir)},
            stdout=subprocess.PIPE,
            text=True,
            **more,
        )


@pytest.fixture
def paasd(settings):
    settings.state_dir.parent.chmod(0o711)
    return Daemon(settings)


def test_it_tells_when_it_is_ready_and_ends_orderly(paasd):
    running = paasd.start()
    assert paasd.client("version").communicate(timeout=60)[0] == "paas 0.1.0\n"
    with socket.create_connection(("127.0.0.1", paasd.settings.ssh_port), timeout=60) as client:
        assert client.recv(100).startswith(b"SSH-2.0-paas")
    running.send_signal(signal.SIGTERM)
    log = running.communicate(timeout=60)[1]
    assert running.returncode == 0
    assert "info paas.doors.daemon ready" in log
    assert "stopped; containers go on" in log
    assert not paasd.settings.socket.exists()


def test_it_ends_also_when_the_kernel_gives_the_signal_to_another_thread(paasd):
    running = paasd.start()
    others = {int(one) for one in os.listdir(f"/proc/{running.pid}/task")} - {running.pid}
    tgkill = ctypes.CDLL(None).tgkill
    assert any(tgkill(running.pid, one, signal.SIGTERM) == 0 for one in others)
    assert "stopped; containers go on" in running.communicate(timeout=60)[1]
    assert running.returncode == 0


def test_callers_are_told_to_leave_when_it_ends(paasd):
    running = paasd.start()
    client = paasd.client("wait")
    assert client.stdout.readline() == "waiting\n"
    running.send_signal(signal.SIGINT)
    assert client.communicate(timeout=60)[0] == "told to leave\n"
    assert client.returncode == 130
    running.communicate(timeout=60)
    assert running.returncode == 0


def test_a_second_one_is_refused_with_the_firsts_pid(paasd):
    running = paasd.start()
    second = subprocess.run(
        [sys.executable, PROGRAM],
        env=paasd.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 1
    assert f"runs already (pid {running.pid})" in second.stderr
    assert paasd.client("version").communicate(timeout=60)[0] == "paas 0.1.0\n"
    running.terminate()
    running.communicate(timeout=60)


def test_a_killed_one_leaves_nothing_in_the_way(paasd):
    running = paasd.start()
    running.kill()
    running.communicate(timeout=60)
    client = subprocess.run(
        [ROOT / "bin" / "paas", "version"],
        env={"PATH": os.environ["PATH"], "PAAS_RUN_DIR": str(paasd.settings.run_dir)},
        capture_output=True,
        timeout=60,
    )
    assert client.returncode == 1
    assert b"paasd does not answer" in client.stderr
    again = paasd.start()
    assert paasd.client("version").communicate(timeout=60)[0] == "paas 0.1.0\n"
    again.terminate()
    again.communicate(timeout=60)


def test_a_client_notices_that_the_daemon_died(paasd):
    running = paasd.start()
    client = paasd.client("wait", stderr=subprocess.PIPE)
    assert client.stdout.readline() == "waiting\n"
    running.kill()
    running.communicate(timeout=60)
    assert "paasd went away" in client.communicate(timeout=60)[1]
    assert client.returncode == 1


def test_a_taken_port_is_said(paasd):
    with socket.create_server(("127.0.0.1", paasd.settings.ssh_port)):
        done = subprocess.run(
            [sys.executable, PROGRAM],
            env=paasd.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert f"port {paasd.settings.ssh_port} cannot be opened for SSH" in done.stderr


def test_a_deploy_may_finish_and_the_second_signal_hurries(settings):
    sessions, stop = Sessions(), daemon.Stop()
    deploying, listening = Console(0, 1, 2), Console(0, 1, 2)
    done = threading.Event()

    def serve(console, *, deploy):
        with sessions.serving(console, deploying=deploy):
            console.cancelled.wait(120)

    for console, deploy in ((deploying, True), (listening, False)):
        threading.Thread(target=serve, args=(console,), kwargs={"deploy": deploy}).start()
    while len(sessions) < 2:
        time.sleep(0.001)
    ending = threading.Thread(target=lambda: (daemon.finish(sessions, stop), done.set()))
    ending.start()
    assert listening.cancelled.wait(60)
    assert not deploying.cancelled.is_set()
    stop.hurry.set()
    assert done.wait(60)
    assert deploying.cancelled.is_set()


def test_log_lines_keep_strangers_words_on_one_line():
    record = logging.makeLogRecord(
        {"name": "paas.x", "levelname": "INFO", "msg": "from %s", "args": ("a\nb\x1b[31m",)}
    )
    record.app = "blog two"
    line = journal.Line(for_systemd=False).format(record)
    assert line.count("\n") == 0
    assert "\x1b" not in line
    assert line.endswith("info paas.x from a\\nb\\x1b[31m app='blog two'")


def test_bin_paasd_says_what_is_missing():
    done = subprocess.run(
        [ROOT / "bin" / "paasd"],
        env={"PATH": os.environ["PATH"], "PAAS_PYTHON": "/nowhere/python"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "there is no Python environment at /nowhere/python" in done.stderr
