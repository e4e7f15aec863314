"""A whole platform of its own for the tests: real daemon, real nginx, real git and ssh."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from paas.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 300.0  # for whatever ends by itself
SETTING_KEYS = (
    "ca_bundle",
    *("name", "state_dir", "run_dir", "stack_dir", "listen_address", "domain"),
    *("ssh_port", "http_port", "https_port", "uid_base", "subnet_pool"),
    *("boot_timeout_s", "build_timeout_s", "drain_s", "stop_grace_s", "check_wait_s"),
    *("build_memory_bytes", "build_disk_bytes", "push_max_bytes", "log_max_bytes"),
    *("patrol_s", "disk_watch_s", "gc_interval_s", "releases_kept", "push_memory_bytes"),
    "database_copy_s",
    "buildpack_dirs",
    "storage_roots",
)


class Instance:
    """One running daemon and the clients that speak to it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.root = settings.state_dir.parent
        self.home = self.root / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        self.key = self.home / "id_ed25519"
        self.process: subprocess.Popen[bytes] | None = None
        self.variables: dict[str, str] = {}  # for the daemon, beside its settings
        self.checkout = REPOSITORY  # whose program runs
        self.within: tuple[str, ...] = ()  # the command that runs it, if one does
        self.log_mark = 0  # where in the daemon's log a test began

    # -- the daemon ------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        chosen = {key: getattr(self.settings, key) for key in SETTING_KEYS}
        values = {
            f"PAAS_{key.upper()}": ",".join(value) if isinstance(value, tuple) else str(value)
            for key, value in chosen.items()
        }
        return {**os.environ, **values, **self.variables, "PAAS_PYTHON": sys.executable}

    def start(self) -> None:
        self.launch()
        self.wait_until_up()

    def launch(self) -> None:
        """Start the daemon's process; it is not up yet."""
        log = (self.root / "paasd.log").open("ab")
        self.process = subprocess.Popen(
            [*self.within, sys.executable, "-m", "paas"],
            cwd=self.checkout,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # as whoever starts it in the background
        )
        log.close()

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.daemon_log()
            if self.settings.socket.exists() and self.paas("version").returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError(f"the daemon did not come up: {self.daemon_log()}")

    def daemon_log(self) -> str:
        return (self.root / "paasd.log").read_text()[-5000:]

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=PATIENCE_S)

    def paasd(self, *argv: str) -> subprocess.CompletedProcess[bytes]:
        """The daemon's program in another role, the daemon being stopped."""
        return subprocess.run(
            [sys.executable, "-m", "paas", *argv],
            cwd=self.checkout,
            env=self.environment,
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
        )

    def destroy(self) -> None:
        """Stop the daemon and remove everything of the instance from the machine."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        self.halt()
        shutil.rmtree(self.root, ignore_errors=True)

    def halt(self) -> None:
        """End everything that outlives the daemon; state stays."""
        subprocess.run(
            [sys.executable, "-m", "paas", "halt"],
            cwd=self.checkout,
            env=self.environment,
            check=True,
            timeout=PATIENCE_S,
        )

    # -- clients ---------------------------------------------------------------------

    def make_key(self) -> None:
        self.key.unlink(missing_ok=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True
        )

    @property
    def ssh_command(self) -> list[str]:
        known = self.home / "known_hosts"
        return [
            *("ssh", "-F", "/dev/null", "-i", str(self.key), "-o", "IdentitiesOnly=yes"),
            *("-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={known}"),
            *("-o", "LogLevel=ERROR", "-o", "BatchMode=yes"),
        ]

    @property
    def ssh_to(self) -> list[str]:
        return [*self.ssh_command, "-p", str(self.settings.ssh_port), "paas@127.0.0.1"]

    def ssh(
        self, *argv: str, options: tuple[str, ...] = (), stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        """An administrator's `ssh -p PORT paas@localhost COMMAND`."""
        return subprocess.run(
            [
                *self.ssh_command,
                *options,
                "-p",
                str(self.settings.ssh_port),
                "paas@127.0.0.1",
                *argv,
            ],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
        )

    def paas(
        self, *argv: str, stdin: bytes = b"", timeout_s: float = PATIENCE_S
    ) -> subprocess.CompletedProcess[bytes]:
        """The local client."""
        return subprocess.run(
            [str(self.checkout / "bin" / "paas"), *argv],
            env=self.environment,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=timeout_s,
        )

    def ok(self, *argv: str, stdin: bytes = b"", timeout_s: float = PATIENCE_S) -> str:
        """The local client's output; fails the test when the command fails."""
        done = self.paas(*argv, stdin=stdin, timeout_s=timeout_s)
        assert done.returncode == 0, (argv, done.stdout.decode(), done.stderr.decode())
        return done.stdout.decode()

    def json(self, *argv: str) -> object:
        return json.loads(self.ok(*argv, "--format", "json"))

    # -- apps ------------------------------------------------------------------------

    def repository(self, app: str, source: Path | None = None) -> "Repository":
        return Repository(self, app, source)

    def get(self, app: str, path: str = "/", **options: object) -> requests.Response:
        """Fetch a page of an app through the proxy by its domain."""
        return requests.get(
            f"http://127.0.0.1:{self.settings.http_port}{path}",
            headers={"Host": f"{app}.{self.settings.domain}"},
            timeout=60,
            **options,  # type: ignore[arg-type]
        )


def end_group(child: subprocess.Popen[bytes], number: int) -> int:
    """Signal a client and what it started until all of it has ended; the client's exit status.

    Once is not always enough: ssh looks for signals and then waits, and one that comes in
    between is lost (OpenSSH 9.2). The child leads a session of its own.
    """
    deadline = time.monotonic() + 60
    while True:
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            return child.wait()
        assert time.monotonic() < deadline, "it has not ended"
        child.poll()
        time.sleep(0.2)


@contextmanager
def running(
    settings: Settings,
    variables: Mapping[str, str] | None = None,
    *,
    within: tuple[str, ...] = (),
    key: str = "tester",
) -> Iterator[Instance]:
    """An instance that runs and knows the tests' key by a name; nothing is left of it after."""
    settings.state_dir.mkdir(parents=True)
    settings.run_dir.mkdir(parents=True)
    instance = Instance(settings)
    instance.variables.update(variables or {})
    instance.within = within
    instance.make_key()
    try:
        instance.start()
        instance.ok("ssh-keys:add", key, stdin=instance.key.with_suffix(".pub").read_bytes())
        yield instance
    finally:
        instance.destroy()


class Repository:
    """A developer's working copy of one app."""

    def __init__(self, instance: Instance, app: str, source: Path | None) -> None:
        self.instance = instance
        self.app = app
        self.path = instance.root / "work" / app
        if source is None:
            self.path.mkdir(parents=True)
        else:
            shutil.copytree(source, self.path, symlinks=True)
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "paas", self._url(app))

    def follow(self, name: str) -> None:
        """Push to an app of another name from now on."""
        self.git("remote", "set-url", "paas", self._url(name))

    def _url(self, app: str) -> str:
        return f"ssh://paas@127.0.0.1:{self.instance.settings.ssh_port}/{app}"

    @property
    def environment(self) -> dict[str, str]:
        """What the developer's git is run with."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.instance.home),
            "GIT_SSH_COMMAND": " ".join(self.instance.ssh_command),
            "GIT_AUTHOR_NAME": "dev",
            "GIT_AUTHOR_EMAIL": "dev@example.com",
            "GIT_COMMITTER_NAME": "dev",
            "GIT_COMMITTER_EMAIL": "dev@example.com",
        }

    def git(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", "-C", str(self.path), *argv],
            env=self.environment,
            capture_output=True,
            check=check,
            timeout=1800,
        )

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def commit(self, files: dict[str, str] | None = None) -> None:
        self.write(files or {})
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")

    def push(self, ref: str = "main", *options: str) -> subprocess.CompletedProcess[bytes]:
        return self.git("push", *options, "paas", ref, check=False)

    def deploy(self, files: dict[str, str] | None = None) -> str:
        """Commit, push, expect success; what the push printed."""
        self.commit(files)
        done = self.push()
        text = done.stderr.decode() + done.stdout.decode()
        assert done.returncode == 0, text + self.instance.daemon_log()
        return text

    def fail(self, files: dict[str, str] | None = None) -> str:
        """Commit, push, expect a refusal; what the push printed."""
        self.commit(files)
        done = self.push()
        text = done.stderr.decode() + done.stdout.decode()
        assert done.returncode != 0, text
        return text
