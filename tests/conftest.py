"""What every room's tests share: settings of an instance of their own."""

import os
import secrets
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from paas.settings import Settings

SCRATCH = Path("/var/tmp")

# a suite started in a shell's background has Ctrl-C ignored, and so would the clients it starts
signal.signal(signal.SIGINT, signal.default_int_handler)


def own_settings(**changes: object) -> Settings:
    """Settings that meet no other instance on this machine: name, places, ranges, ports."""
    tag = secrets.token_hex(8)
    octet = secrets.choice(sorted(set(range(130, 230)) - octets_in_use()))
    root = SCRATCH / f"paas-test-{tag}"
    values: dict[str, object] = {
        "name": "t" + tag[:4],
        "state_dir": root / "state",
        "run_dir": root / "run",
        "stack_dir": os.environ.get("PAAS_STACK_DIR", "/var/cache/paas/stack"),
        "listen_address": "127.0.0.1",
        "ssh_port": free_port(),
        "http_port": free_port(),
        "https_port": free_port(),
        "uid_base": 1_000_000_000 + 65536 * 1100 * (1 + int(tag[2:5], 16) % 10),
        "subnet_pool": f"10.{octet}.0.0/16",
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


def octets_in_use() -> set[int]:
    """Second bytes of the 10.x networks this machine has a route to."""
    lines = Path("/proc/net/route").read_text().splitlines()[1:]
    destinations = [bytes.fromhex(line.split()[1])[::-1] for line in lines]
    return {address[1] for address in destinations if address[0] == 10}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def settings() -> Iterator[Settings]:
    """An instance's settings with directories made, removed after the test."""
    made = own_settings()
    made.state_dir.mkdir(parents=True)
    made.run_dir.mkdir(parents=True)
    yield made
    shutil.rmtree(made.state_dir.parent, ignore_errors=True)
