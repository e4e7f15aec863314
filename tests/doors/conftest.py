"""Both doors over a table of test commands, with the real ssh, git and paas clients outside."""

import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from paas.command import Runner
from paas.console import Console
from paas.doors.dispatch import Sessions
from paas.doors.local import LocalDoor
from paas.doors.ssh.door import SshDoor
from paas.doors.ssh.receive import GitServer
from paas.doors.ssh.server import Services
from paas.doors.ssh.throttle import Throttle
from paas.engines.embedded.cgroups import Cgroups
from paas.errors import PaasError
from paas.git import hooks, pushes
from paas.git.repositories import Repositories
from paas.model.caller import Caller, Role
from paas.model.names import app_name
from paas.settings import Settings
from tests.conftest import own_settings

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Key:
    name: str
    roles: frozenset[Role] = frozenset({Role.ADMIN})


@dataclass
class World:
    """One instance's doors, and what its test commands have seen."""

    settings: Settings
    directory: Path
    repositories: Repositories
    keys: dict[str, Key] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)
    calls: list[tuple[Caller, list[str]]] = field(default_factory=list)
    seen: "queue.Queue[str]" = field(default_factory=queue.Queue)
    go_on: threading.Event = field(default_factory=threading.Event)
    sessions: Sessions = field(default_factory=Sessions)

    # -- the daemon's side -------------------------------------------------------

    def dispatch(self, caller: Caller, argv: Sequence[str], console: Console) -> int:
        self.calls.append((caller, list(argv)))
        name = argv[0].replace("-", "_").replace(":", "_")
        return int(getattr(self, f"do_{name}")(console, *argv[1:]) or 0)

    def do_help(self, console: Console) -> None:
        console.line("paas: commands follow")

    def do_version(self, console: Console) -> None:
        console.line("paas 0.1.0")

    def do_exit(self, console: Console, status: str) -> int:
        return int(status)

    def do_words(self, console: Console, *words: str) -> None:
        console.json(words)

    def do_cat(self, console: Console) -> None:
        while data := console.read():
            console.write(data)

    def do_count(self, console: Console) -> None:
        console.line(str(len(console.read_all(1 << 30))))

    def do_big(self, console: Console, size: str) -> None:
        for _ in range(int(size) // 65536):
            console.write(b"0123456789abcdef" * 4096)
        console.write_error(b"done\n")

    def do_terminal(self, console: Console) -> None:
        rows, columns = console.size()
        console.line(f"{console.is_terminal} {rows}x{columns} {console.environment.get('TERM')}")

    def do_resizes(self, console: Console) -> None:
        sizes: queue.Queue[str] = queue.Queue()
        console.on_resize(lambda rows, columns: sizes.put(f"{rows}x{columns}"))
        console.line("ready")
        console.line(sizes.get(timeout=60))

    def do_wait(self, console: Console) -> int:
        console.line("waiting")
        self.seen.put("waiting")
        cancelled = console.cancelled.wait(120)
        self.seen.put("cancelled" if cancelled else "forgotten")
        console.line("cancelled")
        return 130

    def do_ask(self, console: Console) -> None:
        console.line(f"answer: {console.ask('name? ')}")

    def do_bug(self, console: Console) -> None:
        raise ZeroDivisionError

    def do_sleep(self, console: Console) -> None:
        child = Runner().spawn(("sleep", "600"), stdout=console.stdout)
        console.on_cancel(child.kill)
        console.line(f"child {child.pid}")
        child.wait()
        self.seen.put("child ended")

    def do_hook_pre_receive(self, console: Console) -> int:
        push = pushes.find(console.environment.get("PAAS_PUSH", ""))
        push.on_cancel(console.cancel)
        for line in console.read_all(1 << 20).decode().splitlines():
            _, new, ref = line.split(" ", 2)
            if status := self.judge(push.app, ref, new, console):
                return status
        return 0

    def judge(self, app: str, ref: str, new: str, console: Console) -> int:
        self.seen.put(f"{app} {ref}")
        if not ref.startswith("refs/heads/"):
            console.warn("tags are not deployed")
            return 1
        if new.strip("0") == "":
            console.warn("deleting is refused")
            return 1
        if ref == "refs/heads/broken":
            console.step("Building")
            console.warn("the build failed: no such thing")
            return 1
        if ref == "refs/heads/slow":
            console.step("Building slowly")
            self.seen.put("deploying")
            console.cancelled.wait(120)
            self.seen.put("deploy cancelled" if console.cancelled.is_set() else "deploy forgotten")
            return 1
        entries = self.repositories.tree(app, new, console.environment)
        console.step(f"Deploying {len(entries)} files")
        console.heading("Application deployed:")
        return 0

    def prepare(self, name: str, actor: str) -> None:
        if name in self.locked:
            raise PaasError(f"{name} is locked: deploys are refused", f"paas apps:unlock {name}")
        self.repositories.ensure(app_name(name))

    # -- the clients' side ---------------------------------------------------------

    def add_key(self, name: str, kind: str = "ed25519") -> Path:
        path = self.make_key(name, kind)
        listing = subprocess.run(
            ["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True
        )
        self.keys[listing.stdout.split()[1]] = Key(name)
        return path

    def make_key(self, name: str, kind: str = "ed25519") -> Path:
        path = self.directory / f"key-{name}"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
        return path

    def ssh_argv(self, *words: str, user: str = "paas", key: str = "admin") -> list[str]:
        options = (
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "IdentitiesOnly=yes",
            "LogLevel=ERROR",
            "BatchMode=yes",
            f"IdentityFile={self.directory / f'key-{key}'}",
        )
        flags = [part for option in options for part in ("-o", option)]
        port = str(self.settings.ssh_port)
        return ["ssh", "-F", "/dev/null", *flags, "-p", port, f"{user}@127.0.0.1", *words]

    def ssh(
        self, *words: str, user: str = "paas", key: str = "admin", **more: object
    ) -> "subprocess.CompletedProcess[bytes]":
        argv = self.ssh_argv(*words, user=user, key=key)
        return subprocess.run(argv, capture_output=True, timeout=60, **more)  # type: ignore[call-overload,no-any-return]

    @property
    def client_environment(self) -> dict[str, str]:
        command = " ".join(self.ssh_argv()[:-1][:-2])
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "GIT_SSH_COMMAND": command,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "T",
            "GIT_AUTHOR_EMAIL": "t@example.com",
            "GIT_COMMITTER_NAME": "T",
            "GIT_COMMITTER_EMAIL": "t@example.com",
        }

    def git(self, *words: str, cwd: Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["git", *words],
            cwd=cwd,
            env=self.client_environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=check,
        )

    def remote(self, app: str = "blog") -> str:
        return f"ssh://paas@127.0.0.1:{self.settings.ssh_port}/{app}"

    def checkout(self, name: str = "source") -> Path:
        """A git repository with one commit on main."""
        path = self.directory / name
        path.mkdir()
        self.git("init", "-q", "-b", "main", cwd=path)
        (path / "Procfile").write_text("web: python3 -m http.server $PORT\n")
        (path / "index.html").write_text("hello\n")
        self.git("add", ".", cwd=path)
        self.git("commit", "-q", "-m", "first", cwd=path)
        return path

    def paas(self, *words: str, **more: object) -> "subprocess.CompletedProcess[bytes]":
        environment = {"PATH": os.environ["PATH"], "PAAS_RUN_DIR": str(self.settings.run_dir)}
        return subprocess.run(  # type: ignore[call-overload,no-any-return]
            [ROOT / "bin" / "paas", *words],
            env=environment,
            capture_output=True,
            timeout=60,
            **more,
        )


@pytest.fixture
def world() -> Iterator[World]:
    settings = own_settings()
    for directory in (settings.state_dir, settings.run_dir):
        directory.mkdir(parents=True)
    for directory in (settings.state_dir.parent, settings.state_dir, settings.run_dir):
        directory.chmod(0o711)
    directory = settings.state_dir.parent / "client"
    directory.mkdir()
    made = World(settings, directory, Repositories(settings, Runner()))
    made.add_key("admin")
    hooks.install(settings)
    cgroups = Cgroups(settings.cgroup_name)
    git = GitServer(settings, Runner(), made.repositories, made.prepare, cgroups)
    services = Services(made.dispatch, git, made.keys.get, Throttle(), made.sessions)
    doors = (LocalDoor(settings, made.dispatch, made.sessions), SshDoor(settings, services))
    for door in doors:
        door.open()
    yield made
    for door in doors:
        door.close()
    made.sessions.cancel(deploying=True)
    made.sessions.wait(60)
    cgroups.remove_parents()
    shutil.rmtree(settings.state_dir.parent, ignore_errors=True)
