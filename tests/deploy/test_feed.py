"""What containers say on its way to callers, also to those who do not listen."""

import threading

import pytest

from paas.deploy import feed, terminals
from paas.deploy.feed import Feed, refuse_slow
from paas.engines.base import Stream
from paas.errors import PaasError
from tests.engines.fake import FakeWire

PART = b"x" * 1000


class Talkative(FakeWire):
    """Says so many parts, as fast as they are taken."""

    def __init__(self, parts: int) -> None:
        self.left = parts
        self.closed = threading.Event()

    def receive(self) -> tuple[Stream, bytes] | None:
        if self.closed.is_set() or not self.left:
            return None
        self.left -= 1
        return Stream.OUT, PART

    def close(self) -> None:
        self.closed.set()


def test_everything_is_said_in_order_and_then_it_is_over():
    found = [data for _, data in Feed(Talkative(100))]
    assert found == [PART] * 100


def test_a_caller_who_does_not_listen_is_let_go_and_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feed, "BEHIND_BYTES", 5000)
    monkeypatch.setattr(feed, "SLOW_S", 0.1)
    wire = Talkative(1_000_000)
    behind = Feed(wire)
    assert wire.closed.wait(60)  # nobody takes anything
    assert behind.given_up
    assert len([*behind]) < 10
    with pytest.raises(PaasError, match=r"you did not read what run\.1 says"):
        refuse_slow(behind, "blog", "run.1")


@pytest.mark.parametrize(
    ("shown", "new", "kept"),
    [
        (b"abc", b"def", b"def"),
        (b"abcdef", b"defghi", b"ghi"),
        (b"abc", b"abc", b""),
        (b"", b"abc", b"abc"),
        (b"abcabc", b"abcd", b"d"),
    ],
)
def test_what_was_read_from_the_file_is_not_shown_twice(shown: bytes, new: bytes, kept: bytes):
    assert new[terminals.overlap(shown, new) :] == kept
