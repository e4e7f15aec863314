"""Instances for the story of a backup: made, filled, and asked what they have."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from paas.settings import Settings
from tests.backup import volume
from tests.conftest import own_settings
from tests.e2e.instance import REPOSITORY, Instance, Repository, running
from tests.e2e.samples import PLAIN
from tests.faults import invariants, traces
from tests.faults.rows import read_apps

ODD = {
    "LINES": 'one\ntwo\n\t"three"\n',
    "UNICODE": "naïve ☃ \U0001f389",
    "BINARY": "".join(map(chr, range(1, 32))) + "\x7f\\ $HOME `x` '\"",
    "EMPTY": "",
}
QUICK = {"boot_timeout_s": 20.0, "drain_s": 1.0, "stop_grace_s": 2.0, "check_wait_s": 0.2}


@contextmanager
def instance(**changes: object) -> Iterator[Instance]:
    """A running instance, with nothing of it left afterwards."""
    settings = own_settings(**{**QUICK, **changes})
    with running(
        settings, {"PAAS_FAILPOINTS": "on", "PAAS_SUBNET_PREFIX": str(settings.subnet_prefix)}
    ) as made:
        yield made


def fill(platform: Instance) -> dict[str, Repository]:
    """Apps in every state that an app can be in."""
    platform.ok("config:set", "--global", "SHARED=everywhere")
    repositories = {name: platform.repository(name) for name in ("blog", "idle", "shut", "held")}
    repositories["site"] = platform.repository("site", REPOSITORY / "tests" / "apps" / "static")
    blog = repositories["blog"]
    blog.deploy({**PLAIN, "page.txt": "first"})
    blog.deploy({"page.txt": "second"})
    platform.ok("config:set", "blog", *(f"{key}={value}" for key, value in ODD.items()))
    platform.ok("ps:scale", "blog", "web=2")
    platform.ok("releases:rollback", "blog", "v1")
    platform.ok("config:set", "blog", *(f"{key}={value}" for key, value in ODD.items()))
    platform.ok("domains:add", "blog", "www.example.org", "*.blog.example.org")
    platform.ok("storage:create", "sized", "--size", "16m", "--label", "kept=too")
    platform.ok("storage:exec", "sized", "--", "sh", "-c", "echo on a disk > /data/file")
    platform.ok("storage:mount", "blog", "sized", "--container-dir", "/sized")
    for name in ("idle", "shut", "held", "site"):
        repositories[name].deploy({} if name == "site" else {**PLAIN, "page.txt": name})
    platform.ok("ps:stop", "idle")
    platform.ok("apps:lock", "shut")
    platform.ok("resource:limit", "--memory", "96m", "shut")
    platform.ok("ps:pause", "held")
    platform.ok("ps:set", "held", "pause-seconds", "1")
    platform.ok("apps:create", "empty")
    front(platform, "empty")
    papers(platform.settings)
    plugins(platform)
    return repositories


def plugins(platform: Instance) -> None:
    """One that is enabled and has kept something, one that is not, and a hook of neither."""
    platform.ok("plugin:install", str(REPOSITORY / "docs" / "plugins" / "freeze"))
    platform.ok("freeze:on", "inventory")
    platform.ok("freeze:off")
    quiet = platform.root / "quiet"
    quiet.mkdir()
    (quiet / "plugin.toml").write_text('[plugin]\ndescription = "says nothing"\n')
    (quiet / "post-deploy").write_text("#!/bin/sh\nexit 1\n")
    (quiet / "post-deploy").chmod(0o755)
    platform.ok("plugin:install", str(quiet))
    platform.ok("plugin:disable", "quiet")
    hook = platform.settings.state_dir / "plugins" / "hooks" / "post-stop"
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o775)


def front(platform: Instance, app: str) -> None:
    """Something of everything that stands before an app."""
    platform.ok("certs:generate", app, SECURED)
    platform.ok("nginx:set", app, "client-max-body-size", "5m")
    platform.ok("redirect:set", app, "old.example.org", SECURED)
    platform.ok("http-auth:enable", app, "ann", "s3cret")
    platform.ok("maintenance:enable", app)


def papers(settings: Settings) -> None:
    """Certificates, and a volume of the first app's."""
    folder = settings.state_dir / "certs" / "blog"
    folder.mkdir(parents=True)
    (folder / "server.key").write_text("a private key")
    (folder / "server.key").chmod(0o600)
    (folder / "server.crt").write_text("a certificate")
    volume.make(settings.state_dir / "volumes" / "data", settings.uids(1))


SECURED = "secured.example.org"
APPS = ("blog", "empty", "held", "idle", "shut", "site")


def facts(platform: Instance) -> dict[str, object]:
    """What must be the same after a restore, as the commands tell it."""
    found: dict[str, object] = {"apps": platform.json("apps:list")}
    keys = platform.json("ssh-keys:list")
    assert isinstance(keys, list)
    found["plugins"] = platform.ok("plugin:list").replace("\t", " ")
    found["keys"] = sorted(one["fingerprint"] for one in keys)
    found["shared"] = platform.ok("config:export", "--global", "--format", "json")
    for app in APPS:
        found[app] = {
            "config": json.loads(platform.ok("config:export", app, "--format", "json")),
            "domains": domains(platform, app),
            "scale": platform.ok("ps:scale", app, "--format", "json"),
            "limits": platform.json("resource:report", app) if app == "shut" else None,
            "front": [
                platform.ok("certs:report", app, "--ssl-fingerprint"),
                platform.ok("nginx:report", app, "--nginx-client-max-body-size"),
                platform.ok("redirect:report", app, "--redirect-list"),
                platform.ok("http-auth:report", app, "--http-auth-users"),
                platform.ok("maintenance:report", app, "--maintenance-enabled"),
            ],
            "locked": platform.paas("apps:locked", app).returncode,
        }
    return found


def domains(platform: Instance, app: str) -> list[str]:
    report = platform.json("domains:report", app)
    assert isinstance(report, dict)
    suffix = f".{platform.settings.domain}"
    return [name.replace(suffix, ".(here)") for name in report["app-vhosts"].split()]


def releases(platform: Instance, app: str) -> list[tuple[object, ...]]:
    listed = platform.json("releases:list", app)
    assert isinstance(listed, list)
    return [(one["version"], one["status"], one["current"], one["description"], one["commit"])
            for one in listed]  # fmt: skip


@dataclass
class Load:
    """Pushes, changes of config and writes to a volume, one after the other, until it is over."""

    platform: Instance
    repository: Repository
    done: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._push, self._write)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _push(self) -> None:
        turn = 0
        while not self._over.is_set():
            turn += 1
            self.repository.commit({"page.txt": f"turn {turn}"})
            pushed = self.repository.push()
            if pushed.returncode:
                self.failures.append(pushed.stderr.decode() + self.platform.daemon_log())
            self.done.append(f"turn {turn}")

    def _write(self) -> None:
        path = self.platform.settings.state_dir / "volumes" / "busy" / "log"
        path.parent.mkdir(parents=True)
        while not self._over.wait(0.001):
            with path.open("a") as file:
                file.write("line\n" * 50)


def over_ssh(
    platform: Instance, known_hosts: Path, key: Path, *words: str
) -> subprocess.CompletedProcess[bytes]:
    """ssh by somebody who knows the host already and accepts no other."""
    argv = [*strict(known_hosts, key), "-p", str(platform.settings.ssh_port), "paas@127.0.0.1"]
    return subprocess.run([*argv, *words], capture_output=True, check=False, timeout=120)


def strict(known_hosts: Path, key: Path) -> list[str]:
    """ssh for whoever knows the host already."""
    return [
        *("ssh", "-F", "/dev/null", "-i", str(key), "-o", "IdentitiesOnly=yes"),
        *("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={known_hosts}"),
        *("-o", "BatchMode=yes"),
    ]


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def leaks(platform: Instance) -> list[str]:
    """What is left of anything that is over; given a while to go."""
    deadline = time.monotonic() + 60
    while True:
        apps = read_apps(platform.settings)
        found = [
            *invariants.state(platform.settings, apps),
            *traces.leaks(platform, apps, set()),
        ]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)
