from collections.abc import Iterator

import pytest

from paas.settings import Settings
from paas.store.store import Store


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    made = Store(settings)
    yield made
    made.close()
