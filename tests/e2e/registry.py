"""A real registry for tests, in a network of its own: containers cannot reach the host."""

import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import requests

CONFIG = """
version: 0.1
storage:
  filesystem: {{rootdirectory: {root}/data}}
  delete: {{enabled: true}}
http: {{addr: "{address}:5000"}}
log: {{level: warn, accesslog: {{disabled: true}}}}
{auth}
"""
AUTH = "auth: {{htpasswd: {{realm: test, path: {root}/htpasswd}}}}"


@dataclass
class Registry:
    """A registry that is running, and whom it knows."""

    address: str
    root: Path
    user: str
    password: str
    process: subprocess.Popen[bytes]

    @property
    def server(self) -> str:
        return f"{self.address}:5000"

    def get(self, path: str, *, accept: str = "*/*") -> requests.Response:
        """What a client of the registry's own protocol would see."""
        return requests.get(
            f"http://{self.server}/v2/{path}",
            auth=(self.user, self.password),
            headers={"Accept": accept},
            timeout=30,
        )

    def tags(self, repository: str) -> list[str]:
        return sorted(self.get(f"{repository}/tags/list").json().get("tags") or [])

    def uploads(self) -> int:
        """How many blobs it holds."""
        return len(list((self.root / "data").glob("docker/registry/v2/blobs/sha256/*/*")))


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def registry(root: Path, *, closed: bool) -> Iterator[Registry]:
    """A registry whose files are below root; closed: it wants a login."""
    tag, number = secrets.token_hex(3), secrets.randbelow(16_000)
    third, fourth = divmod(number * 4, 256)
    outside, inside = f"198.19.{third}.{fourth + 1}", f"198.19.{third}.{fourth + 2}"
    space, link = f"reg-{tag}", f"rg{tag}"
    root.mkdir(parents=True)
    user, password = "pusher", secrets.token_hex(8)
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    (root / "htpasswd").write_text(f"{user}:{hashed}\n")
    auth = AUTH.format(root=root) if closed else ""
    (root / "config.yml").write_text(CONFIG.format(root=root, address=inside, auth=auth))
    ip("netns", "add", space)
    try:
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
        ip("addr", "add", f"{outside}/30", "dev", link)
        ip("link", "set", link, "up")
        ip("-n", space, "addr", "add", f"{inside}/30", "dev", "eth0")
        ip("-n", space, "link", "set", "eth0", "up")
        ip("-n", space, "link", "set", "lo", "up")
        ip("-n", space, "route", "add", "default", "via", outside)
        command = ["ip", "netns", "exec", space, "docker-registry", "serve", root / "config.yml"]
        with (root / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(inside)
            yield Registry(inside, root, user, password, process)
        finally:
            process.kill()
            process.wait()
    finally:
        ip("netns", "delete", space)
        shutil.rmtree(root, ignore_errors=True)


def wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((address, 5000), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the registry did not start"
            time.sleep(0.05)
        else:
            return
