"""What we are compared with, each in a directory and on ports of its own: sshd, nginx, dockerd."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import free_port
from tests.e2e.instance import REPOSITORY, Instance

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@contextmanager
def running(argv: list[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is ended with everything it started."""
    child = subprocess.Popen(argv, start_new_session=True, **options)  # type: ignore[call-overload]
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)


def wait_for(port: int) -> None:
    import socket

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise AssertionError(f"nothing listens on {port}")


@dataclass
class Sshd:
    """OpenSSH's server: git-receive-pack for one key, a Python forced command for another."""

    port: int
    root: Path
    forced_key: Path

    def repository(self, name: str) -> str:
        path = self.root / f"{name}.git"
        subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)
        # the same check of objects that our door asks for
        subprocess.run(
            ["git", "-C", str(path), "config", "receive.fsckObjects", "true"], check=True
        )
        return f"ssh://root@127.0.0.1:{self.port}{path}"


@contextmanager
def sshd(instance: Instance) -> Iterator[Sshd]:
    root = instance.root / "sshd"
    root.mkdir()
    port = free_port()
    forced = root / "forced"
    for key in (root / "host", forced):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    command = f'command="{sys.executable} {REPOSITORY}/tests/bench/forced_command.py",restrict'
    (root / "keys").write_text(
        instance.key.with_suffix(".pub").read_text()
        + f"{command} {forced.with_suffix('.pub').read_text()}"
    )
    (root / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {root}/host\nPidFile none\nUsePAM no\n"
        f"StrictModes no\nAuthorizedKeysFile {root}/keys\nPermitRootLogin yes\n"
    )
    separation = Path("/run/sshd")
    made = not separation.exists()
    separation.mkdir(exist_ok=True)
    try:
        with running(["/usr/sbin/sshd", "-D", "-f", str(root / "config")], **QUIET):
            wait_for(port)
            yield Sshd(port, root, forced)
    finally:
        if made:
            separation.rmdir()


@contextmanager
def nginx(root: Path, upstream: str, workers: int) -> Iterator[int]:
    """nginx in front of one fixed upstream with keep-alive; its port."""
    port = free_port()
    root.mkdir()
    config = root / "nginx.conf"
    config.write_text(
        f"worker_processes {workers};\ndaemon off;\npid {root}/pid;\nerror_log {root}/error.log;\n"
        "events { worker_connections 4096; }\nhttp {\n"
        f"  access_log {root}/access.log combined buffer=32k flush=1s;\n"
        f"  upstream app {{ server {upstream}; keepalive 64; }}\n"
        f"  server {{ listen 127.0.0.1:{port}; keepalive_requests 100000; location / {{\n"
        '    proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";\n'
        "    proxy_set_header Host $host; } }\n}\n"
    )
    with running(["/usr/sbin/nginx", "-c", str(config)], **QUIET):
        wait_for(port)
        yield port


@dataclass
class Docker:
    """A Docker daemon of our own, in a network namespace of its own."""

    socket: Path
    namespace: str

    def __call__(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        argv = ["docker", "-H", f"unix://{self.socket}", *words]
        return subprocess.run(argv, check=True, capture_output=True)

    def answers(self) -> bool:
        """Whether the daemon is up."""
        argv = ["docker", "-H", f"unix://{self.socket}", "version"]
        return subprocess.run(argv, check=False, capture_output=True).returncode == 0

    def inside(self, *words: str) -> str:
        """What a program prints that runs where the containers can be reached."""
        argv = [*entering(self.namespace), *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def entering(namespace: str) -> tuple[str, ...]:
    """Runs what follows in the namespace; unlike ip netns exec it leaves /sys as it is."""
    return ("nsenter", f"--net=/run/netns/{namespace}")


@contextmanager
def network_namespace(name: str) -> Iterator[str]:
    """A machine of its own, as far as bridges and firewall rules go."""
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@contextmanager
def dockerd(root: Path) -> Iterator[Docker | None]:
    """Docker as it comes, with its own data and network; None where it is not installed."""
    if shutil.which("dockerd") is None:
        yield None
        return
    root.mkdir()
    socket = root / "docker.sock"
    with network_namespace(f"bench-{os.getpid()}") as namespace:
        argv = [
            *entering(namespace), "dockerd", "-H", f"unix://{socket}",
            "--data-root", f"{root}/data", "--exec-root", f"{root}/exec", "-p", f"{root}/pid",
        ]  # fmt: skip
        with (root / "log").open("wb") as log, running(argv, stdout=log, stderr=log):
            deadline = time.monotonic() + 30
            docker = Docker(socket, namespace)
            while not docker.answers():
                assert time.monotonic() < deadline, (root / "log").read_text()[-2000:]
                time.sleep(0.05)
            docker("network", "create", "--subnet", "10.229.0.0/24", "bench")
            yield docker
