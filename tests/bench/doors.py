"""Commands and pushes through the doors, beside OpenSSH's server."""

import os
import subprocess
from pathlib import Path

from tests.bench.measuring import Outcome, alternating, median, milliseconds, repeated, timed
from tests.bench.peers import Sshd, sshd
from tests.e2e.instance import REPOSITORY, Instance


def ssh_version(instance: Instance, runs: int) -> Outcome:
    """A whole `ssh host version`, the client included."""
    ours = [
        *instance.ssh_command,
        "-p",
        str(instance.settings.ssh_port),
        "paas@127.0.0.1",
        "version",
    ]
    with sshd(instance) as peer:
        forced = [
            str(peer.forced_key) if word == str(instance.key) else word
            for word in instance.ssh_command
        ]
        theirs = [*forced, "-p", str(peer.port), "root@127.0.0.1", "version"]
        for argv in (ours, theirs):
            subprocess.run(argv, check=True, capture_output=True)  # learns the host key
        samples = alternating(
            runs * 5,
            paas=lambda _: timed(lambda: subprocess.run(ours, check=True, capture_output=True)),
            sshd=lambda _: timed(lambda: subprocess.run(theirs, check=True, capture_output=True)),
        )
    mine, other = median(samples["paas"]), median(samples["sshd"])
    return Outcome(
        "ssh host version, cold", "<= 1/5 of sshd + Python, <= 30 ms",
        f"{milliseconds(mine)} (sshd {milliseconds(other)})", f"1/{other / mine:.1f}",
        mine <= other / 5 and mine <= 0.030, samples,
    )  # fmt: skip


def apps_list(instance: Instance, runs: int) -> Outcome:
    """The local client, start to end."""
    argv = [str(REPOSITORY / "bin" / "paas"), "apps:list"]

    def call(_: int) -> float:
        env = instance.environment
        return timed(lambda: subprocess.run(argv, env=env, check=True, capture_output=True))

    call(0)
    samples = repeated(runs * 5, call)
    taken = median(samples)
    return Outcome(
        "paas apps:list, locally", "<= 40 ms", f"{taken * 1000:.1f} ms",
        f"{taken / 0.040:.2f} of 40 ms", taken <= 0.040, {"paas": samples},
    )  # fmt: skip


def push_large(instance: Instance, runs: int) -> Outcome:
    """One file of 100 MB that does not compress."""
    return pushes(instance, runs, "pushing 100 MB", "large", {"big": os.urandom(100_000_000)})


def push_many(instance: Instance, runs: int) -> Outcome:
    """20,000 small files."""
    files = {f"d{n % 100}/f{n}": f"{n}\n".encode() * 20 for n in range(20_000)}
    return pushes(instance, runs, "pushing 20,000 files", "many", files)


def pushes(instance: Instance, runs: int, what: str, name: str, files: dict[str, bytes]) -> Outcome:
    """The same commit to a branch that is stored and not deployed, and to sshd's git."""
    repository = instance.repository(name)
    for path, data in files.items():
        target = repository.path / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
    repository.git("config", "gc.auto", "0")
    repository.commit()
    repository.git("repack", "-adq")
    with sshd(instance) as peer:
        samples = alternating(
            runs,
            paas=lambda n: push_to(repository.path, instance, our_url(instance, f"{name}-{n}")),
            sshd=lambda n: push_to(repository.path, instance, peer_url(peer, f"{name}-{n}")),
        )
    mine, other = median(samples["paas"]), median(samples["sshd"])
    return Outcome(
        what, "no slower than sshd", f"{mine:.2f} s (sshd {other:.2f} s)", f"{mine / other:.2f}",
        mine <= other * 1.05, samples,
    )  # fmt: skip


def our_url(instance: Instance, app: str) -> str:
    return f"ssh://paas@127.0.0.1:{instance.settings.ssh_port}/{app}"


def peer_url(peer: Sshd, name: str) -> str:
    return peer.repository(name)


def push_to(path: Path, instance: Instance, url: str) -> float:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(instance.home),
        "GIT_SSH_COMMAND": " ".join(instance.ssh_command),
    }
    argv = ["git", "-C", str(path), "push", "-q", url, "main:refs/heads/stored"]
    return timed(lambda: subprocess.run(argv, env=environment, check=True, capture_output=True))
