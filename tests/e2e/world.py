"""A small internet of the tests' own: a network namespace with a web server in it.

Builds reach it as they reach the real one, through the host's forwarding, and not as a part
of the host, which they cannot reach.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

WEB = Path(__file__).with_name("web.py")
AUTHOR = {
    "GIT_AUTHOR_NAME": "dev",
    "GIT_AUTHOR_EMAIL": "dev@example.com",
    "GIT_COMMITTER_NAME": "dev",
    "GIT_COMMITTER_EMAIL": "dev@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
}


class World:
    """One address with a web server on port 80, from `begin` to `end`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tag = secrets.token_hex(3)
        self.name = f"world-{self.tag}"
        block = f"198.18.{secrets.randbelow(256)}.{secrets.randbelow(64) * 4}"
        head, _, last = block.rpartition(".")
        self.near, self.address = f"{head}.{int(last) + 1}", f"{head}.{int(last) + 2}"
        self.children: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def begin(self) -> None:
        (self.root / "any").mkdir(parents=True)
        (self.root / "git").mkdir()
        link = f"w{self.tag}"
        ip("netns", "add", self.name)
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("addr", "add", f"{self.near}/30", "dev", link)
        ip("link", "set", link, "up")
        ip("-n", self.name, "addr", "add", f"{self.address}/30", "dev", "eth0")
        for inside in ("lo", "eth0"):
            ip("-n", self.name, "link", "set", inside, "up")
        ip("-n", self.name, "route", "add", "default", "via", self.near)
        self.serve(80)

    def serve(self, port: int, *tls: str) -> None:
        """Serve on one more port, with a certificate and its key over TLS."""
        argv = ["ip", "netns", "exec", self.name, sys.executable, str(WEB), str(self.root)]
        self.children.append(subprocess.Popen([*argv, str(port), *tls]))
        self.wait_for(port)

    def wait_for(self, port: int) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection((self.address, port), 1).close()
            except OSError:
                assert time.monotonic() < deadline, "the server did not come up"
                time.sleep(0.05)
            else:
                return

    def serve_ssh(self, port: int, keys: str) -> None:
        """An ssh server for whoever has one of the keys, who may read the repositories."""
        home = self.root / f"ssh-{port}"
        home.mkdir()
        host_key, allowed = home / "host_key", home / "authorized_keys"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key], check=True)
        allowed.write_text(keys)
        options = {
            "Port": port, "ListenAddress": self.address, "HostKey": host_key, "PidFile": "none",
            "AuthorizedKeysFile": allowed, "PermitRootLogin": "yes", "StrictModes": "no",
            "UsePAM": "no", "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no",
        }  # fmt: skip
        words = [f"-o{key}={value}" for key, value in options.items()]
        Path("/run/sshd").mkdir(exist_ok=True)
        argv = ["ip", "netns", "exec", self.name, "/usr/sbin/sshd", "-D", "-f", "/dev/null", *words]
        self.children.append(subprocess.Popen(argv, stderr=subprocess.DEVNULL))
        self.wait_for(port)

    def end(self) -> None:
        for child in self.children:
            child.kill()
            child.wait()
        subprocess.run(["ip", "netns", "del", self.name], check=False)
        subprocess.run(["ip", "link", "del", f"w{self.tag}"], check=False, capture_output=True)
        shutil.rmtree(self.root, ignore_errors=True)

    # -- what there is ---------------------------------------------------------------

    def requests(self) -> list[str]:
        """`host METHOD path` of every request so far."""
        log = self.root / "access.log"
        return log.read_text().splitlines() if log.exists() else []

    def logins(self) -> list[tuple[str, str]]:
        """Host and login, perhaps "", of every request for something private so far."""
        log = self.root / "logins.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [(host, login) for host, _, login in (line.partition("\t") for line in lines)]

    def put(self, path: str, data: bytes, host: str = "any") -> str:
        """A file at a path; its address."""
        place = self.root / host / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return f"{self.url}/{path}"

    def archive(self, path: str, folder: Path, top: str = "") -> str:
        """A folder as a .tgz; its address."""
        place = self.root / "any" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(place, "w:gz") as archive:
            archive.add(folder, top or ".")
        return f"{self.url}/{path}"

    def repository(self, name: str) -> "Remote":
        """A new git repository, served."""
        return Remote(self, name)


class Remote:
    """A repository somebody else owns, and its working copy."""

    def __init__(self, world: World, name: str) -> None:
        self.bare = world.root / "git" / f"{name}.git"
        self.path = world.root / "work" / name
        self.url = f"{world.url}/git/{name}.git"
        self.private_url = f"{world.url}/private/{name}.git"
        self.ssh_url = f"ssh://root@{world.address}{self.bare}"
        self.path.mkdir(parents=True)
        subprocess.run(
            ["git", "init", "-q", "--bare", "-b", "main", str(self.bare)], env=AUTHOR, check=True
        )
        self.git("init", "-q", "-b", "main")

    def git(self, *argv: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.path), *argv], env=AUTHOR, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    def commit(self, files: Mapping[str, str] | None = None, branch: str = "main") -> str:
        """Write, commit and publish; the commit."""
        for name, text in (files or {}).items():
            place = self.path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            place.chmod(0o755 if text.startswith("#!") else 0o644)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        self.git("push", "-q", str(self.bare), f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
