"""One platform for the languages: builds have the limits that real ones have."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.buildpacks.conftest import build_root, pytest_sessionfinish, sandbox
from tests.conftest import own_settings
from tests.e2e.instance import Instance, running

__all__ = ("build_root", "platform", "pytest_sessionfinish", "sandbox")


@pytest.fixture(scope="session")
def platform() -> Iterator[Instance]:
    settings = own_settings(
        boot_timeout_s=60.0, build_timeout_s=1800.0, drain_s=2.0, stop_grace_s=3.0, check_wait_s=0.5
    )
    folder = settings.state_dir.parent / "buildpacks"
    settings = replace(settings, buildpack_dirs=(str(folder),))
    with running(settings) as instance:
        yield instance
