"""The SSH door from outside, with OpenSSH's client."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from paas.doors.ssh import transport
from tests.e2e.instance import end_group


def test_a_command_answers_and_its_exit_code_is_carried(world):
    done = world.ssh("version")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"paas 0.1.0\n", b"")
    assert world.ssh("exit 7").returncode == 7


def test_no_command_prints_help(world):
    done = world.ssh(stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, b"paas: commands follow\n")


@pytest.mark.parametrize("user", ["paas", "dokku", "git"])
def test_three_user_names_are_known(world, user):
    assert world.ssh("version", user=user).returncode == 0


@pytest.mark.parametrize("user", ["root", "admin", "nobody"])
def test_other_user_names_are_denied_as_ssh_denies_keys(world, user):
    done = world.ssh("version", user=user)
    assert done.returncode == 255
    assert b"Permission denied (publickey)" in done.stderr


def test_an_unknown_key_is_denied(world):
    world.make_key("stranger")
    done = world.ssh("version", key="stranger")
    assert done.returncode == 255
    assert b"Permission denied (publickey)" in done.stderr
    assert not world.calls


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_keys_work(world, kind):
    world.add_key("other", kind)
    assert world.ssh("version", key="other").returncode == 0
    assert world.calls[0][0].name == "other"


def test_the_caller_is_the_key(world):
    world.ssh("version")
    caller, _ = world.calls[0]
    assert (caller.name, caller.door) == ("admin", "ssh")
    assert caller.fingerprint in world.keys


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("words a 'b c' \"d\"", ["a", "b c", "d"]),
        ("dokku words x", ["x"]),
        ("paas words x", ["x"]),
        ("words 'two\nlines'", ["two\nlines"]),
        ("words é", ["é"]),
    ],
)
def test_words_are_split_as_a_shell_does(world, line, words):
    world.ssh(line)
    assert world.calls[0][1][1:] == words


def test_unbalanced_quotes_get_a_sentence(world):
    done = world.ssh("words 'a")
    assert done.returncode == 2
    assert b"quotes do not match" in done.stderr


def test_a_bug_in_a_command_is_a_sentence_and_a_status(world):
    done = world.ssh("bug")
    assert done.returncode == 1
    assert b"something went wrong" in done.stderr
    assert b"Traceback" not in done.stderr


def test_stdin_is_carried_to_its_end(world):
    data = os.urandom(5_000_000)
    assert world.ssh("cat", input=data).stdout == data


def test_large_output_arrives_whole_before_the_exit(world):
    done = world.ssh("big 10485760")
    assert len(done.stdout) == 10485760
    assert done.stderr == b"done\n"
    assert done.returncode == 0


def test_data_survives_many_key_exchanges(world, monkeypatch):
    monkeypatch.setattr(transport.Packets, "REKEY_BYTES", 1 << 20)
    data = os.urandom(12_000_000)
    argv = world.ssh_argv("cat")
    argv[1:1] = ["-o", "RekeyLimit=1M"]
    done = subprocess.run(argv, input=data, capture_output=True, timeout=60)
    assert done.stderr == b""
    assert done.stdout == data


def set_size(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Terminal:
    """A client on a pty of ours, as a person's ssh is."""

    def __init__(self, world, *words, rows=30, columns=100):
        argv = [*world.ssh_argv()[:-1], "-tt", "paas@127.0.0.1", *words]
        pid, self.master = pty.fork()
        if not pid:
            set_size(0, rows, columns)  # before ssh asks for it
            os.environ["TERM"] = "xterm-256color"
            os.execvp(argv[0], argv)
        self.pid = pid
        self.text = b""

    def resize(self, rows, columns):
        set_size(self.master, rows, columns)

    def expect(self, wanted, timeout=60):
        deadline = time.monotonic() + timeout
        while wanted not in self.text:
            left = deadline - time.monotonic()
            assert left > 0, self.text
            if select.select([self.master], [], [], left)[0]:
                self.text += os.read(self.master, 4096)

    def type(self, data):
        os.write(self.master, data)

    def status(self):
        while True:
            try:
                if not os.read(self.master, 4096):
                    break
            except OSError:
                break
        os.close(self.master)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_terminal_has_the_clients_size_and_name(world):
    terminal = Terminal(world, "terminal", rows=33, columns=111)
    terminal.expect(b"x111 xterm-256color")
    assert b"True 33x111" in terminal.text
    assert terminal.status() == 0


def test_a_resize_reaches_the_command(world):
    terminal = Terminal(world, "resizes")
    terminal.expect(b"ready")
    terminal.resize(44, 155)
    terminal.expect(b"44x155")
    assert terminal.status() == 0


def test_lines_typed_are_read(world):
    terminal = Terminal(world, "ask")
    terminal.expect(b"name? ")
    terminal.type(b"blog\r")
    terminal.expect(b"answer: blog")
    assert terminal.status() == 0


def test_ctrl_c_cancels_and_the_last_words_arrive(world):
    terminal = Terminal(world, "wait")
    terminal.expect(b"waiting")
    terminal.type(b"\x03")
    terminal.expect(b"cancelled")
    assert terminal.status() == 130


def test_ctrl_c_wakes_a_command_that_reads(world):
    terminal = Terminal(world, "ask")
    terminal.expect(b"name? ")
    terminal.type(b"\x03")
    terminal.expect(b"answer: ")
    terminal.status()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_client_that_dies_cancels_its_command(world, number):
    argv = world.ssh_argv("wait")
    client = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True)
    assert world.seen.get(timeout=60) == "waiting"
    end_group(client, number)
    assert world.seen.get(timeout=60) == "cancelled"


def test_a_client_that_dies_ends_the_commands_child(world):
    client = subprocess.Popen(world.ssh_argv("sleep"), stdout=subprocess.PIPE)
    pid = int(client.stdout.readline().split()[1])
    client.kill()
    client.wait(60)
    assert world.seen.get(timeout=60) == "child ended"
    assert not Path(f"/proc/{pid}").exists()


def test_commands_share_a_connection_and_leave_nothing(world):
    control = world.directory / "control"
    base = world.ssh_argv()[:-1]
    base[1:1] = ["-o", f"ControlPath={control}"]
    target = "paas@127.0.0.1"
    master = subprocess.Popen([*base, "-o", "ControlMaster=yes", "-N", target])
    try:
        deadline = time.monotonic() + 60
        while not control.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(25):
            done = subprocess.run([*base, target, "version"], capture_output=True, timeout=60)
            assert done.stdout == b"paas 0.1.0\n"
        deadline = time.monotonic() + 60
        while len(os.listdir("/proc/self/fd")) > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(os.listdir("/proc/self/fd")) <= before
    finally:
        master.kill()
        master.wait(60)


def test_forwarding_is_refused(world):
    argv = world.ssh_argv()
    port = world.settings.ssh_port
    argv[1:1] = ["-W", f"127.0.0.1:{port}"]
    done = subprocess.run(argv, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode != 0
    assert b"forwarding failed" in done.stderr
    argv = world.ssh_argv("version")
    argv[1:1] = ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"]
    assert subprocess.run(argv, capture_output=True, timeout=60).returncode == 255


def test_agent_environment_and_subsystems_are_refused(world):
    argv = world.ssh_argv("words")
    argv[1:1] = ["-A", "-o", "SetEnv=LD_PRELOAD=/tmp/x.so"]
    assert subprocess.run(argv, capture_output=True, timeout=60).returncode == 0
    assert "LD_PRELOAD" not in os.environ
    argv = world.ssh_argv("sftp")
    argv.insert(1, "-s")
    done = subprocess.run(argv, capture_output=True, timeout=60)
    assert done.returncode == 255
    assert b"subsystem request failed" in done.stderr


def test_a_removed_key_stops_working_on_open_connections(world):
    control = world.directory / "control"
    base = world.ssh_argv()[:-1]
    base[1:1] = ["-o", f"ControlPath={control}", "-o", "ControlMaster=auto"]
    base[1:1] = ["-o", "ControlPersist=120"]
    target = "paas@127.0.0.1"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    assert subprocess.run([*base, target, "version"], timeout=60, **quiet).returncode == 0
    world.keys.clear()
    done = subprocess.run([*base, target, "version"], capture_output=True, timeout=60)
    subprocess.run([*base, "-O", "exit", target], timeout=60, **quiet)
    assert done.returncode == 77
    assert b"this key was removed" in done.stderr


def test_the_host_key_stays_and_is_private(world):
    path = world.settings.state_dir / "ssh" / "ed25519"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    scan = ["ssh-keyscan", "-p", str(world.settings.ssh_port), "127.0.0.1"]
    found = subprocess.run(scan, capture_output=True, text=True, timeout=60)
    public = subprocess.run(["ssh-keygen", "-yf", path], capture_output=True, text=True)
    assert public.stdout.split()[1] in found.stdout
