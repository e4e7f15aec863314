"""When a container that is out of service may be told to end."""

from types import SimpleNamespace
from typing import Any

import pytest

from paas.deploy import retire


def platform(connections: list[int]) -> Any:
    """One whose container has these numbers of connections, look after look, then none."""
    engine = SimpleNamespace(
        get=lambda _: SimpleNamespace(running=True),
        connections=lambda _: connections.pop(0) if connections else 0,
    )
    return SimpleNamespace(engine=engine)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(retire, "time", made)
    return made


def taken(clock: Clock, made: Any, patience_s: float = 50.0) -> float:
    retire.drain(made, SimpleNamespace(id="abc"), patience_s)  # type: ignore[arg-type]
    return clock.now


def test_a_request_that_connects_just_after_the_switch_is_waited_for(clock: Clock) -> None:
    late = [0, 0, 0, 1, 1]
    assert taken(clock, platform(late)) >= 1
    assert late == []


def test_a_container_without_requests_is_not_kept_long(clock: Clock) -> None:
    assert 1 <= taken(clock, platform([])) < 1.5


def test_a_connection_that_never_ends_is_waited_for_no_longer_than_the_drain_time(
    clock: Clock,
) -> None:
    assert 3 <= taken(clock, platform([1] * 1000), 3) < 3.5
