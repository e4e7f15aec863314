"""What every room's tests share: settings of an instance of their own."""

import fcntl
import os
import secrets
import shutil
import signal
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import IO

import pytest

from paas.settings import Settings

SCRATCH = Path("/var/tmp")

# what parts instances on one machine: the second byte of their addresses, and all that follows
# from it. Ports lie below those that outgoing connections get, also while a daemon restarts.
OCTETS = range(130, 255)
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
PORTS = ("ssh_port", "http_port", "https_port")
FIRST_PORT, PORTS_EACH = 20_000, 10
FREE_PORTS = range(22_000, 32_000)
OCTET_S = 120.0
# held by the process until its instance has made its network, which shows
CLAIMS = Path("/run/lock/paas-tests")
_claimed: deque[IO[str]] = deque(maxlen=32 // WORKERS)
_given_up: deque[IO[str]] = deque(maxlen=4)  # held on: what is just closed may not be free yet
_ports = FREE_PORTS[WORKER::WORKERS]
_free = cycle(secrets.SystemRandom().sample(_ports, len(_ports)))

# a suite started in a shell's background has Ctrl-C ignored, and so would the clients it starts
signal.signal(signal.SIGINT, signal.default_int_handler)


def own_settings(**changes: object) -> Settings:
    """Settings that meet no other instance on this machine: name, places, ranges, ports."""
    tag = secrets.token_hex(8)
    octet = claimed_octet()
    place = octet - OCTETS[0]
    root = SCRATCH / f"paas-test-{tag}"
    values: dict[str, object] = {
        "name": f"t{place:02x}{tag[:2]}",
        "state_dir": root / "state",
        "run_dir": root / "run",
        "stack_dir": os.environ.get("PAAS_STACK_DIR", "/var/cache/paas/stack"),
        "listen_address": "127.0.0.1",
        **{key: FIRST_PORT + PORTS_EACH * place + number for number, key in enumerate(PORTS)},
        "uid_base": 1_000_000_000 + 65536 * 170 * place,
        "subnet_pool": f"10.{octet}.0.0/16",
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


def claimed_octet() -> int:
    """A second byte for a 10.x network that no instance has, or is about to make.

    Where all are taken, it waits for one: other suites on the machine let go of theirs.
    """
    CLAIMS.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + OCTET_S
    while time.monotonic() < deadline:
        free = sorted(set(OCTETS[WORKER::WORKERS]) - octets_in_use())
        secrets.SystemRandom().shuffle(free)
        if (octet := first_claimed(free)) is not None:
            return octet
        time.sleep(0.2)
    raise AssertionError("no address range is free for a test's instance")


def first_claimed(free: list[int]) -> int | None:
    """The first of these that nobody holds, held from now on."""
    for octet in free:
        file = (CLAIMS / str(octet)).open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            _claimed.append(file)
            return octet
    return None


def let_go(settings: Settings) -> None:
    """Nothing is left of an instance: others may soon have its second byte."""
    claim = CLAIMS / settings.subnet_pool.split(".")[1]
    for file in [one for one in _claimed if one.name == str(claim)]:
        _claimed.remove(file)
        _given_up.append(file)


def octets_in_use() -> set[int]:
    """Second bytes of the 10.x networks this machine has a route to."""
    lines = Path("/proc/net/route").read_text().splitlines()[1:]
    destinations = [bytes.fromhex(line.split()[1])[::-1] for line in lines]
    return {address[1] for address in destinations if address[0] == 10}


def free_port() -> int:
    """One that nothing listens on, for a server of a test; no outgoing connection gets it."""
    for port in islice(_free, len(_ports)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free for a test's server")


@pytest.fixture
def settings() -> Iterator[Settings]:
    """An instance's settings with directories made, removed after the test."""
    made = own_settings()
    made.state_dir.mkdir(parents=True)
    made.run_dir.mkdir(parents=True)
    yield made
    shutil.rmtree(made.state_dir.parent, ignore_errors=True)
    let_go(made)
