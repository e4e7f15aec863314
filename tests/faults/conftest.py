"""One stage for the tests of single faults; what needs settings of its own makes its own."""

from collections.abc import Iterator

import pytest

from tests.faults.stage import Stage, staged


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with staged(push_memory_bytes=192 << 20) as made:
        yield made
