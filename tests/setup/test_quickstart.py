"""bin/quickstart from start to removal, beside whatever else runs on this machine."""

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from paas.command import Runner
from paas.doctor.ports import daemon_pid
from paas.settings import Settings
from paas.setup import leftovers
from tests.conftest import CLAIMS
from tests.e2e.instance import SETTING_KEYS

CHECKOUT = Path(__file__).resolve().parents[2]
Quickstart = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def quickstart(settings: Settings) -> Iterator[Quickstart]:
    """The program, with settings of its own in the environment; removed at the end."""
    values = {f"PAAS_{key.upper()}": str(getattr(settings, key)) for key in SETTING_KEYS}
    environment = {**os.environ, **values}

    def run(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        argv = [str(CHECKOUT / "bin" / "quickstart"), *words]
        done = subprocess.run(
            argv, env=environment, text=True, check=False, timeout=280,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == status, done.stdout
        return done

    yield run
    run("--remove")
    assert leftovers.find(settings, Runner()) == []


def page(settings: Settings) -> requests.Response:
    url = f"http://127.0.0.1:{settings.http_port}/"
    return requests.get(url, headers={"Host": f"hello.{settings.domain}"}, timeout=60)


def test_one_command_serves_a_page_and_the_next_takes_seconds(
    settings: Settings, quickstart: Quickstart, caller_key: Path
) -> None:
    began = time.monotonic()
    said = quickstart().stdout
    first_s = time.monotonic() - began
    assert "Application deployed" in said
    assert "-> 200 OK: Hello from web.1." in said
    assert page(settings).text == "Hello from web.1.\n"
    assert "The next five things to try" in said
    began = time.monotonic()
    again = quickstart().stdout
    assert time.monotonic() - began < max(10, first_s)
    assert "already running" in again
    assert "already deployed" in again
    assert caller_key.exists()


def test_stopping_ends_everything_and_starting_brings_the_apps_back(
    settings: Settings, quickstart: Quickstart, caller_key: Path
) -> None:
    quickstart()
    quickstart("--stop")
    assert daemon_pid(settings) is None
    left = [line for line in leftovers.find(settings, Runner()) if line.startswith(KERNEL)]
    assert left == []
    with pytest.raises(requests.ConnectionError):
        page(settings)
    quickstart("--no-sample")
    assert eventually(lambda: page(settings).status_code == 200)
    assert caller_key.exists()


KERNEL = ("process", "mount", "loop", "network link")


def eventually(answer: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer():
            return True
        time.sleep(0.05)
    return False


def test_a_taken_port_stops_it_before_anything_is_changed(settings: Settings) -> None:
    values = {f"PAAS_{key.upper()}": str(getattr(settings, key)) for key in SETTING_KEYS}
    with socket.create_server(("127.0.0.1", settings.http_port)):
        done = subprocess.run(
            [str(CHECKOUT / "bin" / "quickstart")], env={**os.environ, **values}, text=True,
            check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"port {settings.http_port}" in done.stderr
    assert "nothing was changed" in done.stderr
    assert list(settings.state_dir.iterdir()) == []


@pytest.fixture
def caller_key() -> Iterator[Path]:
    """The caller's key; one that only these tests made is taken away again.

    There is one on a machine: suites beside each other take turns.
    """
    key = Path.home() / ".ssh" / "id_ed25519"
    kinds = ("id_ed25519", "id_ecdsa", "id_rsa")
    CLAIMS.mkdir(parents=True, exist_ok=True)
    with (CLAIMS / "caller-key").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        present = any((key.parent / kind).exists() for kind in kinds)
        yield key if not present else next(p for k in kinds if (p := key.parent / k).exists())
        if not present:
            key.unlink(missing_ok=True)
            key.with_suffix(".pub").unlink(missing_ok=True)


def test_a_backup_makes_a_new_machine(
    settings: Settings, quickstart: Quickstart, caller_key: Path, tmp_path: Path
) -> None:
    from tests.backup.crafted import crafted

    archive = tmp_path / "monday.tar.zst"
    archive.write_bytes(crafted(settings, settings.state_dir.parent / "crafted").written())
    said = quickstart("--restore", str(archive)).stdout
    assert "Restored: calm, down" in said
    assert "Sample app" not in said
    client = {**os.environ, "PAAS_RUN_DIR": str(settings.run_dir)}
    argv = [str(CHECKOUT / "bin" / "paas"), "config:get", "down", "A"]
    asked = subprocess.run(argv, env=client, capture_output=True, text=True, check=True)
    assert asked.stdout == "b\n"
