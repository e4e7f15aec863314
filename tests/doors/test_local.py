"""The local door: bin/paas as people use it, and clients that mean harm."""

import json
import os
import pty
import select
import signal
import socket
import subprocess
import time

import pytest

from paas.doors import local
from tests.doors.conftest import ROOT


def raw(world, timeout=60):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(timeout)
    client.connect(str(world.settings.socket))
    return client


def answered(client):
    data = b""
    while not data.endswith(b"\n"):
        part = client.recv(65536)
        if not part:
            break
        data += part
    return json.loads(data)


def request(**changes):
    return json.dumps({"version": 1, "argv": ["version"], "env": {}, **changes}).encode() + b"\n"


def test_a_command_writes_to_the_callers_streams(world):
    done = world.paas("version")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"paas 0.1.0\n", b"")
    assert world.paas("exit", "9").returncode == 9
    assert world.calls[0][0].name == "root"


def test_stdin_is_read_and_awkward_words_arrive(world):
    data = os.urandom(3_000_000)
    assert world.paas("cat", input=data).stdout == data
    done = world.paas("words", "a b", "two\nlines", "é", '"', "\\", "")
    assert json.loads(done.stdout) == ["a b", "two\nlines", "é", '"', "\\", ""]


def test_dokku_is_the_same_client(world):
    environment = {"PATH": os.environ["PATH"], "PAAS_SOCKET": str(world.settings.socket)}
    done = subprocess.run(
        [ROOT / "bin" / "dokku", "version"], env=environment, capture_output=True, timeout=60
    )
    assert done.stdout == b"paas 0.1.0\n"


def test_a_stopped_daemon_is_said_with_the_remedy(world):
    environment = {"PATH": os.environ["PATH"], "PAAS_SOCKET": "/var/tmp/no-such/paasd.sock"}
    done = subprocess.run(
        [ROOT / "bin" / "paas", "version"], env=environment, capture_output=True, timeout=60
    )
    assert done.returncode == 1
    assert b"paasd does not answer at /var/tmp/no-such/paasd.sock" in done.stderr
    assert b"systemctl start paas" in done.stderr


def test_other_users_are_refused_with_the_way_in(world):
    client = world.settings.state_dir / "hooks" / "paas"
    done = subprocess.run(
        [client, "version"],
        env={"PATH": os.environ["PATH"], "PAAS_SOCKET": str(world.settings.socket)},
        capture_output=True,
        user=65534,
        group=65534,
        timeout=60,
    )
    assert done.returncode == 77
    assert b"only root may use this door" in done.stderr
    assert f"use sudo, or ssh -p {world.settings.ssh_port} paas@".encode() in done.stderr
    assert not world.calls


def test_the_git_user_may_call_hooks_and_nothing_else(world):
    client = world.settings.state_dir / "hooks" / "paas"
    done = subprocess.run(
        [client, "version"],
        env={"PATH": os.environ["PATH"], "PAAS_SOCKET": str(world.settings.socket)},
        capture_output=True,
        user=world.settings.git_uid,
        group=world.settings.git_uid,
        timeout=60,
    )
    assert done.returncode == 77
    assert not world.calls


def start(world, *words, **more):
    environment = {"PATH": os.environ["PATH"], "PAAS_SOCKET": str(world.settings.socket)}
    return subprocess.Popen([ROOT / "bin" / "paas", *words], env=environment, **more)


def test_ctrl_c_cancels_and_the_commands_exit_code_is_kept(world):
    client = start(world, "wait", stdout=subprocess.PIPE)
    assert world.seen.get(timeout=60) == "waiting"
    client.send_signal(signal.SIGINT)
    assert client.communicate(timeout=60)[0] == b"waiting\ncancelled\n"
    assert client.returncode == 130
    assert world.seen.get(timeout=60) == "cancelled"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_client_that_dies_cancels(world, number):
    client = start(world, "wait", stdout=subprocess.DEVNULL)
    assert world.seen.get(timeout=60) == "waiting"
    client.send_signal(number)
    client.wait(60)
    assert world.seen.get(timeout=60) == "cancelled"


def read_until(master, wanted):
    """A terminal passes on what is written to it in as many parts as it likes."""
    text = b""
    while wanted not in text:
        assert select.select([master], [], [], 60)[0], text
        text += os.read(master, 100)


def test_a_resize_reaches_the_command(world):
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    client = start(world, "resizes", stdin=slave, stdout=slave, start_new_session=True)
    read_until(master, b"ready")
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 51, 161, 0, 0))
    client.send_signal(signal.SIGWINCH)
    read_until(master, b"51x161")
    assert client.wait(60) == 0


def test_a_command_that_is_done_is_not_cancelled(world):
    cancelled = []
    original = world.do_version
    world.do_version = lambda console: (
        console.on_cancel(lambda: cancelled.append(1)),
        original(console),
    )[1]
    world.paas("version")
    assert not cancelled


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[]\n",
        b"null\n",
        b"[" * 100_000 + b"\n",
        request(version=2),
        request(argv="version"),
        request(argv=[1]),
        request(env=[]),
        request(env={"PAAS_PUSH": 1}),
    ],
)
def test_a_malformed_request_gets_a_sentence(world, line):
    with raw(world) as client:
        socket.send_fds(client, [line[:1]], [0, 1, 2])
        client.sendall(line[1:])
        assert answered(client)["exit"] == 2
    assert not world.calls


@pytest.mark.parametrize("count", [0, 1, 4, 60])
def test_any_other_number_of_descriptors_is_refused_and_closed(world, count):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with raw(world) as client:
            if count:
                socket.send_fds(client, [request()], [0] * count)
            else:
                client.sendall(request())
            answer = answered(client)
            if count < 4:
                assert answer["exit"] == 2
    deadline = time.monotonic() + 60
    while len(os.listdir("/proc/self/fd")) > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(os.listdir("/proc/self/fd")) <= before


def test_silent_and_endless_clients_are_dropped(world, monkeypatch):
    with monkeypatch.context() as impatient:
        impatient.setattr(local, "REQUEST_S", 0.3)
        with raw(world) as silent:
            assert "in time" in answered(silent)["error"]
    monkeypatch.setattr(local, "REQUEST_BYTES", 100_000)
    with raw(world) as endless:
        socket.send_fds(endless, [b"x"], [0, 1, 2])
        with pytest.raises(OSError):
            for _ in range(1000):
                endless.sendall(b"x" * 10_000)
    assert world.paas("version").returncode == 0


def test_variables_that_are_not_ours_do_not_pass(world):
    seen = {}
    world.do_version = lambda console: seen.update(console.environment)
    with raw(world) as client:
        line = request(env={"LD_PRELOAD": "/x", "TERM": "xterm"})
        socket.send_fds(client, [line], [0, 1, 2])
        assert answered(client) == {"exit": 0}
    assert seen == {"TERM": "xterm"}


def test_a_stale_socket_is_replaced(world):
    again = local.LocalDoor(world.settings, world.dispatch, world.sessions)
    again.open()
    assert world.paas("version").returncode == 0
    again.close()
