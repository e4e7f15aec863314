from collections.abc import Iterator

import pytest

from paas.platform import Platform
from paas.settings import Settings
from tests.deploy.small_platform import small_platform


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    with small_platform(settings) as made:
        yield made
