"""What the daemon needs of the machine is gone for a while: programs, and whoever knows names."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from paas.command import CLEAN_ENVIRONMENT
from paas.image import mirrors
from tests.faults import invariants
from tests.faults.operations import prepare_push
from tests.faults.stage import Stage, staged, until

PLACES = ("/usr/sbin", "/usr/bin")


@dataclass
class Elsewhere:
    """A stage whose daemon sees files of the machine of its own, which can be taken away."""

    stage: Stage
    kept: Path

    def run(self, *argv: str) -> None:
        """Run a command where the daemon runs."""
        process = self.stage.instance.process
        assert process is not None
        subprocess.run(["nsenter", f"--mount=/proc/{process.pid}/ns/mnt", *argv], check=True)

    def shadow(self, place: str) -> None:
        """Have a directory that can be changed without changing the machine's."""
        layers = [self.kept / kind / place[1:] for kind in ("upper", "work")]
        for one in layers:
            one.mkdir(parents=True)
        options = f"lowerdir={place},upperdir={layers[0]},workdir={layers[1]}"
        self.run("mount", "-t", "overlay", "-o", options, "overlay", place)

    @contextmanager
    def resolver(self, address: str) -> Iterator[None]:
        """The machine asks this address for names while the block runs."""
        file = self.kept / "resolv.conf"
        file.write_text(f"nameserver {address}\n")
        self.run("mount", "--bind", str(file), "/etc/resolv.conf")
        try:
            yield
        finally:
            self.run("umount", "/etc/resolv.conf")

    @contextmanager
    def without(self, program: str) -> Iterator[None]:
        """A program is not installed while the block runs."""
        found = shutil.which(program, path=CLEAN_ENVIRONMENT["PATH"])
        assert found is not None
        path = Path(found).resolve()
        self.run("mv", str(path), f"{path}.gone")
        try:
            yield
        finally:
            self.run("mv", f"{path}.gone", str(path))


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    with staged("unshare", "--mount", "--propagation", "slave") as stage:
        made = Elsewhere(stage, stage.instance.root / "elsewhere")
        for place in PLACES:
            made.shadow(place)
        yield made


def nothing_wrong(stage: Stage) -> None:
    problems = [*invariants.check(stage.instance), *stage.prober.take_failures()]
    assert problems == [], stage.instance.daemon_log()


@pytest.mark.parametrize("program", ["runc", "conmon", "tini-static", "git"])
def test_a_program_that_is_gone_is_named_and_nothing_is_lost(elsewhere: Elsewhere, program: str):
    stage = elsewhere.stage
    before, page = prepare_push(stage)
    with elsewhere.without(program):
        done = stage.repository.push()
        assert done.returncode != 0
        said = done.stderr.decode()
        assert f"{program} is not installed" in said, said
        assert "paas doctor" in said
        assert stage.answer().page == before
    assert stage.repository.push().returncode == 0
    assert stage.answer().page == page
    nothing_wrong(stage)


def test_a_process_that_ends_while_runc_is_gone_is_there_again_when_runc_is(elsewhere: Elsewhere):
    stage = elsewhere.stage
    with elsewhere.without("runc"):
        os.kill(main_process(stage), signal.SIGKILL)
        until(lambda: "runc is not installed; trying again" in stage.instance.ok("logs", stage.app))
    nothing_wrong_but_for(stage, "shop")


def nothing_wrong_but_for(stage: Stage, *apps: str) -> None:
    """All is well by now, and only these apps did not answer meanwhile."""
    assert invariants.check(stage.instance) == [], stage.instance.daemon_log()
    assert {one.partition(":")[0] for one in stage.prober.take_failures()} <= set(apps)


def main_process(stage: Stage) -> int:
    (container,) = stage.row.in_service
    record = invariants.record_of(stage.instance.settings, container)
    assert record is not None
    return int(str(record["pid"]))


def end(pid_file: Path) -> None:
    """Kill a process and its children at once."""
    pid = int(pid_file.read_text())
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (pid, *map(int, children)):
        with suppress(ProcessLookupError):  # a child may have ended meanwhile
            os.kill(one, signal.SIGKILL)


def test_an_nginx_that_ended_comes_back_with_its_program(elsewhere: Elsewhere):
    stage = elsewhere.stage
    instance = stage.instance
    before, page = prepare_push(stage)
    with elsewhere.without("nginx"):
        end(instance.settings.run_dir / "proxy" / "nginx.pid")
        done = stage.repository.push()
        assert done.returncode != 0
        assert "nginx is not installed" in done.stderr.decode()
        until(lambda: "nginx ended and does not start" in instance.ok("events"))
    until(lambda: "nginx ended and was started again" in instance.ok("events"))
    nothing_wrong_but_for(stage, "shop", "calm")
    assert stage.answer().page == before
    assert stage.repository.push().returncode == 0
    assert stage.answer().page == page
    nothing_wrong(stage)


# -- names ------------------------------------------------------------------------------------

NAME = str(urlsplit(mirrors.ARCHIVE).hostname)
ASKING = """
import socket, sys, time
began = time.monotonic()
try:
    print(socket.getaddrinfo(sys.argv[1], 80)[0][4][0])
except OSError as error:
    print("error", error)
"""


def asked(stage: Stage, name: str) -> str:
    """What a process of the app learns of a name."""
    return stage.instance.ok("run", stage.app, "python3", "-c", ASKING, name)


def test_names_are_known_again_once_who_knows_them_is_back(elsewhere: Elsewhere):
    stage = elsewhere.stage
    _, page = prepare_push(stage)
    with elsewhere.without("dnsmasq"):
        end(stage.instance.settings.run_dir / "dnsmasq.pid")
        assert "error" in asked(stage, NAME)
        assert stage.repository.push().returncode == 0
        assert stage.answer().page == page
    until(lambda: "error" not in asked(stage, NAME))
    nothing_wrong(stage)


def test_a_resolver_out_of_reach_holds_up_nothing_that_needs_no_name(elsewhere: Elsewhere):
    stage = elsewhere.stage
    _, page = prepare_push(stage)
    until(lambda: "error" not in asked(stage, NAME))
    with elsewhere.resolver("192.0.2.1"):  # TEST-NET-1: nobody answers there
        until(lambda: "error" in asked(stage, f"{secrets.token_hex(4)}.test"))
        assert stage.repository.push().returncode == 0
        assert stage.answer().page == page
    until(lambda: "error" not in asked(stage, NAME))
    nothing_wrong(stage)
