"""When a container that is out of service may be told to end."""

import time
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


@pytest.fixture(autouse=True)
def short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retire, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(retire, "QUIET_S", 0.1)


def taken(made: Any, patience_s: float = 5.0) -> float:
    began = time.monotonic()
    retire.drain(made, SimpleNamespace(id="abc"), patience_s)  # type: ignore[arg-type]
    return time.monotonic() - began


def test_a_request_that_connects_just_after_the_switch_is_waited_for() -> None:
    late = [0, 0, 0, 1, 1]
    assert taken(platform(late)) >= 0.1
    assert late == []


def test_a_container_without_requests_is_not_kept_long() -> None:
    assert 0.1 <= taken(platform([])) < 1


def test_a_connection_that_never_ends_is_waited_for_no_longer_than_the_drain_time() -> None:
    assert 0.3 <= taken(platform([1] * 1000), 0.3) < 1
