"""What the kernel says of links while they come and go."""

import itertools
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from paas.network import dump

TAG = "tdump" + secrets.token_hex(3)  # another run of these tests has links of its own
NAMES = [f"{TAG}{number}" for number in range(40)]


def names() -> set[str]:
    return {entry.text(3) for entry in dump.links()}  # IFLA_IFNAME


def ip(lines: list[str]) -> None:
    words = "\n".join(lines).encode()
    subprocess.run(["ip", "-batch", "-"], input=words, check=True, capture_output=True)


@pytest.fixture
def lasting() -> Iterator[set[str]]:
    """Links that stay for the test."""
    ip([f"link add {name} type veth peer name {name}p" for name in NAMES])
    yield {*NAMES, *(f"{name}p" for name in NAMES)}
    ip([f"link del {name}" for name in NAMES])


@contextmanager
def restless() -> Iterator[None]:
    """Other links come and go all the time."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            ip([f"link add {TAG}x type veth peer name {TAG}y", f"link del {TAG}x"])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_links_that_stay_are_found_however_fast_others_come_and_go(lasting: set[str]):
    with restless():
        for _ in range(5):
            assert lasting <= names()


def test_where_no_dump_is_whole_what_several_have_seen_counts(
    lasting: set[str], monkeypatch: pytest.MonkeyPatch
):
    """As on a machine with a thousand links, whose dumps take long."""
    whole, turns = dump.once, itertools.count()

    def half(kind: int, header_bytes: int, more: bytes) -> tuple[list[dump.Entry], bool]:
        found, _ = whole(kind, header_bytes, more)
        turn = next(turns)
        return [one for one in found if (one.header[4] + turn) % 2], True

    monkeypatch.setattr(dump, "once", half)
    found = [name for entry in dump.links() if (name := entry.text(3)) in lasting]
    assert sorted(found) == sorted(lasting)
