"""The stages of all tests of faults; what needs settings of its own makes its own."""

from collections.abc import Iterator

import pytest

from tests.faults.stage import Stage, at_rest, several

AT_ONCE = 3


@pytest.fixture(scope="session")
def stages() -> Iterator[list[Stage]]:
    with several(AT_ONCE, push_memory_bytes=192 << 20) as made:
        yield made


@pytest.fixture
def stage(stages: list[Stage]) -> Stage:
    """One of them, for a single fault; its app has the name it came with."""
    made = stages[0]
    if made.app != made.repository.app:
        made.instance.ok("apps:rename", made.app, made.repository.app)
    made.repository.follow(made.repository.app)
    at_rest(made)
    made.prober.take_failures()
    return made
