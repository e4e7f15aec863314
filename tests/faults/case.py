"""One fault: a push (or another operation) meets it, and the world is looked at afterwards."""

import subprocess
import time
from dataclasses import dataclass

from tests.e2e.instance import Instance, Repository
from tests.faults import invariants
from tests.faults.prober import Prober, fetch

SENTENCES = {"enospc": "the disk is full", "eio": "the disk failed"}
DEATH_S = 30.0


@dataclass
class Stage:
    """The app that is pushed to, its neighbour, and who watches both."""

    instance: Instance
    repository: Repository
    prober: Prober
    version: int = 0

    @property
    def app(self) -> str:
        return self.repository.app


def arm(instance: Instance, text: str) -> None:
    instance.ok("failpoints:arm", text)


def died(instance: Instance) -> None:
    """Wait until the daemon has ended."""
    assert instance.process is not None
    instance.process.wait(timeout=DEATH_S)


def sprung(instance: Instance, point: str) -> None:
    """Wait until the failpoint has done what it was armed for."""
    deadline = time.monotonic() + DEATH_S
    log = instance.root / "paasd.log"
    while f"failpoint {point}: " not in log.read_text()[instance.log_mark :]:
        assert time.monotonic() < deadline, f"{point} was never passed"
        time.sleep(0.01)


def push_meets(stage: Stage, point: str, action: str) -> list[str]:
    """What a push that meets the fault breaks, in words."""
    instance, repository = stage.instance, stage.repository
    stage.version += 1
    repository.commit({"page.txt": str(stage.version)})
    instance.log_mark = (instance.root / "paasd.log").stat().st_size
    arm(instance, f"{point}={action}")
    done = repository.push()
    said = done.stderr.decode() + done.stdout.decode()
    sprung(instance, point)
    if action == "kill":
        died(instance)
        instance.start()
    problems = verdict(done, said, action, background=point.startswith("retire."))
    problems += served(stage, done)
    if action != "kill":
        arm(instance, "")
    problems += again(stage)
    problems += invariants.check(instance)
    problems += stage.prober.take_failures()
    return problems


def verdict(
    done: "subprocess.CompletedProcess[bytes]", said: str, action: str, *, background: bool
) -> list[str]:
    """I4: a push that failed said so in one line; one that did not fail, succeeded."""
    if background or done.returncode == 0:
        return []
    causes = [line for line in said.splitlines() if SENTENCES.get(action, "\0") in line]
    if action in SENTENCES and len(causes) != 1:
        return [f"the push named its cause {len(causes)} times: {said[-600:]}"]
    return []


def served(stage: Stage, done: "subprocess.CompletedProcess[bytes]") -> list[str]:
    """I1, I2: the old version or the new one answers; the new one when the push succeeded."""
    settings = stage.instance.settings
    status, body = fetch(settings.http_port, f"{stage.app}.{settings.domain}")
    page = body.rpartition(" ")[2]
    allowed = [str(stage.version)] if done.returncode == 0 else [str(stage.version - 1)]
    if done.returncode != 0:
        allowed.append(str(stage.version))
    return [] if status == 200 and page in allowed else [f"afterwards: {status} {body[:60]!r}"]


def again(stage: Stage) -> list[str]:
    """I5: the same push works."""
    done = stage.repository.push()
    if done.returncode != 0:
        return [f"the same push failed: {done.stderr.decode()[-600:]}"]
    if b"Everything up-to-date" in done.stderr:
        return []
    settings = stage.instance.settings
    status, body = fetch(settings.http_port, f"{stage.app}.{settings.domain}")
    page = body.rpartition(" ")[2]
    return [] if page == str(stage.version) else [f"after the same push: {status} {body[:60]!r}"]
