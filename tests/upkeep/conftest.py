"""A platform whose store, layers, repositories and caches are real, and what fills them."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from paas.console import silent
from paas.model.app import App
from paas.model.release import Image, Layer, Release
from paas.platform import Platform
from paas.upkeep import collector
from paas.upkeep.round import Wish
from paas.upkeep.waste import Outcome
from tests.commands.conftest import admin, migrated, platform  # noqa: F401 - fixtures

DAY_S = 86400.0
Collect = Callable[..., Outcome]


@pytest.fixture
def collect(platform: Platform) -> Collect:  # noqa: F811
    def run(**wish: object) -> Outcome:
        with silent() as console:
            return collector.collect(platform, Wish(**wish), console, hurry=True)  # type: ignore[arg-type]

    return run


def freed(outcome: Outcome, kind: str) -> list[str]:
    return sorted(one.name for one in outcome.freed if one.kind == kind)


def layer(
    platform: Platform,  # noqa: F811
    name: str,
    text: str = "",
    app: App | None = None,
    unused_s: float = 0,
) -> Layer:
    """A layer of one file; last used so long ago."""
    upper = platform.layers.new_upper(platform.settings.common_uids)
    (upper / "file").write_text(text or name)
    made = platform.layers.adopt(
        upper, name, platform.settings.common_uids, app=app.id if app else 0
    )
    at = time.time() - unused_s
    os.utime(platform.layers.root / name / "layer.json", (at, at))
    return made


def release(
    platform: Platform,  # noqa: F811
    app: App,
    *layers: Layer,
    fails: bool = False,
) -> Release:
    cut = platform.store.releases.cut(app, Image("x", layers, {"web": "x"}), {}, "Deploy")
    (platform.store.releases.fail if fails else platform.store.releases.succeed)(cut)
    return cut


def present(platform: Platform) -> list[str]:  # noqa: F811
    return [one.id for one in platform.layers.list()]


def cache(platform: Platform, app_id: int, **sizes: int) -> Path:  # noqa: F811
    """A build cache with a folder of so many bytes for each tool, the first the oldest."""
    path = platform.settings.state_dir / "cache" / str(app_id)
    for name, size in sizes.items():
        (path / name).mkdir(parents=True)
        (path / name / "file").write_bytes(b"x" * size)
        time.sleep(0.02)  # so that the filesystem's clock tells them apart
    return path
