"""No request is lost: raw clients that never retry, while everything is done to their app.

The long version is `python -m tests.load`.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.e2e.instance import Instance, Repository
from tests.load.client import NEIGHBOUR, Mix
from tests.load.driver import Driver
from tests.load.load import Load
from tests.load.stage import deployed, target
from tests.load.wire import Broken, Connection, Target

# all longer than a deploy, and much shorter than apps have to finish them
EVERYTHING = Mix(socket_s=4.0, poll_s=3.0, upload_bytes=16 << 20, upload_bytes_per_s=6 << 20)
PAGES = Mix(post=0, sockets=0, polls=0, uploads=0)
# what a killed container or daemon must not cost: requests that may be repeated, and open ones
PATIENT = Mix(post=1, sockets=2, polls=2, uploads=0, socket_s=4.0, poll_s=3.0)


DRAIN_S = 60


def staged(platform: Instance, app: str, instances: int) -> Repository:
    """The app of the load tests; where a machine is busy, what is under way takes its time."""
    repository = deployed(platform, app, instances)
    platform.ok("checks:set", app, "wait-to-retire", str(DRAIN_S))
    return repository


@contextmanager
def load(platform: Instance, **mixes: Mix) -> Iterator[Load]:
    made = Load({app: (target(platform, app), mix) for app, mix in mixes.items()})
    made.begin()
    try:
        yield made
    finally:
        made.end()


def processes(running: Load, since: float) -> set[str]:
    """Who has answered since."""
    return {one.process for one in running.record.exchanges[:] if one.began > since and one.process}


def wait_for_instances(running: Load, count: int) -> set[str]:
    """Until that many processes share the requests; who they are."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        since = time.monotonic()
        time.sleep(0.5)
        if len(found := processes(running, since)) == count:
            return found
    raise AssertionError(f"{count} processes never shared the requests")


def crash(there: Target) -> None:
    """Have the process that gets this end at once."""

    async def ask() -> None:
        connection = await Connection.open(there)
        try:
            await connection.post("/crash", 0, nothing())
        except Broken:
            return
        finally:
            connection.close()
        raise AssertionError("nobody crashed")

    asyncio.run(ask())


async def nothing():
    for part in ():
        yield part


@pytest.mark.timeout(600)
def test_no_request_is_lost_while_an_app_is_deployed_scaled_and_restarted(platform: Instance):
    repository = staged(platform, "busy", 2)
    staged(platform, "calm", 1)
    driver = Driver(repository, 2)
    with load(platform, busy=EVERYTHING, calm=NEIGHBOUR) as running:
        time.sleep(1)
        driver.run(12, pause_s=0.5, until=time.monotonic() + 240)
    assert [one for one in driver.done if one.failure] == []
    assert len(driver.done) == 12
    assert running.record.failures == []
    kinds = running.record.kinds()
    assert set(kinds) == {"new", "kept", "post", "socket", "echo", "goodbye", "poll", "upload"}
    assert len({one.release for one in running.record.exchanges if one.app == "busy"}) >= 8


def test_a_crashed_instance_costs_no_page_and_is_back(platform: Instance):
    deployed(platform, "frail", 2)
    with load(platform, frail=PAGES) as running:
        before = wait_for_instances(running, 2)
        crash(target(platform, "frail"))
        deadline = time.monotonic() + 120
        while len(wait_for_instances(running, 2) - before) != 1:
            assert time.monotonic() < deadline, "the crashed instance did not come back"
    assert running.record.failures == []


def test_a_killed_daemon_costs_no_request_not_even_of_what_it_was_retiring(platform: Instance):
    repository = staged(platform, "lasting", 1)
    with load(platform, lasting=PATIENT) as running:
        time.sleep(1)
        repository.deploy({"page.txt": "new"})
        platform.kill()
        time.sleep(0.5)
        platform.start()
        time.sleep(1)
    assert running.record.failures == []


def test_a_download_from_a_static_site_goes_on_after_its_process_was_told_to_end(
    platform: Instance,
):
    repository = platform.repository("files")
    size = 48 << 20  # more than all buffers on the way
    repository.deploy({"index.html": "first", "large.bin": "x" * size})
    platform.ok("checks:set", "files", "wait-to-retire", "1")
    platform.ok("ps:set", "files", "stop-timeout-seconds", "60")
    address = platform.json("ps:inspect", "files")[0]["address"]  # type: ignore[index]
    with socket.create_connection(("127.0.0.1", platform.settings.http_port), 30) as slow:
        head = f"GET /large.bin HTTP/1.1\r\nHost: files.{platform.settings.domain}\r\n\r\n"
        slow.sendall(head.encode())
        received = len(slow.recv(4096))
        with trickling(slow) as trickled:
            repository.deploy({"index.html": "second"})
            assert refuses(address)  # it was told to end, and takes nobody any more
        received += sum(trickled)
        while received < size:
            part = slow.recv(1 << 20)
            assert part, f"cut short after {received} bytes"
            received += len(part)


@contextmanager
def trickling(slow: socket.socket) -> Iterator[list[int]]:
    """Read so little at a time, while the block runs, that a server has just patience with it."""
    trickled: list[int] = []
    over = threading.Event()

    def read() -> None:
        while not over.wait(1):
            trickled.append(len(slow.recv(1 << 16)))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            yield trickled
        finally:
            over.set()
        reading.result()


def refuses(address: str) -> bool:
    """Whether nobody listens there any more, given a while."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address, 5000), 2).close()
        except ConnectionRefusedError:
            return True
        time.sleep(0.1)
    return False
