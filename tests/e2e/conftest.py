"""One platform for the whole end-to-end suite; every file of tests brings its own apps."""

import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.conftest import own_settings
from tests.e2e.instance import Instance, running
from tests.e2e.world import World


@pytest.fixture(scope="session")
def platform() -> Iterator[Instance]:
    settings = own_settings(
        boot_timeout_s=30.0,
        build_timeout_s=300.0,
        drain_s=5.0,
        stop_grace_s=3.0,
        check_wait_s=0.2,
        build_memory_bytes=768 << 20,
        build_disk_bytes=512 << 20,
        gc_interval_s=0.0,  # layers that a test looks at stay while it does
    )
    folder = settings.state_dir.parent / "buildpacks"
    trusted = settings.state_dir.parent / "authorities.pem"
    roots = (str(settings.state_dir.parent / "storage"),)
    settings = replace(
        settings, buildpack_dirs=(str(folder),), ca_bundle=trusted, storage_roots=roots
    )
    with running(settings) as instance:
        yield instance


@pytest.fixture(scope="module", autouse=True)
def own_apps(platform: Instance) -> Iterator[None]:
    """A file's apps and outside repositories go with it: the next may call its own the same."""
    yield
    for app in platform.json("apps:list"):
        platform.ok("--force", "apps:destroy", app)
    for place in ("work", "world/work", "world/git"):
        for one in (platform.root / place).glob("*"):
            shutil.rmtree(one)


@pytest.fixture(scope="session")
def world(platform: Instance) -> Iterator[World]:
    """What is beyond the machine, as far as the tests decide it."""
    made = World(platform.root / "world")
    try:
        made.begin()
        yield made
    finally:
        made.end()
