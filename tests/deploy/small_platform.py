"""A platform of which only the containers are not real, with apps that run on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from paas.command import Runner
from paas.deploy import boot, fleet
from paas.git.repositories import Repositories
from paas.logs.logs import Logs
from paas.model.app import App
from paas.model.release import Image
from paas.platform import Platform
from paas.settings import Settings
from paas.storage.volumes import Volumes
from paas.store.store import Store
from tests.commands.conftest import FakeProxy
from tests.engines.fake import FakeEngine


@contextmanager
def small_platform(settings: Settings) -> Iterator[Platform]:
    runner, nothing = Runner(), cast("Any", None)
    made = Platform(
        settings, runner, Store(settings), FakeEngine(), nothing, nothing, nothing,
        cast("Any", FakeProxy()), Repositories(settings, runner), Logs(settings),
        Volumes(settings, runner),
    )  # fmt: skip
    yield made
    made.store.close()


def running(platform: Platform, name: str, count: int, uptime_s: int) -> App:
    """An app of so many workers, which are healthy when they were up for so long."""
    app = platform.store.apps.create(name)
    manifest: dict[str, object] = {"healthchecks": {"worker": [{"uptime": uptime_s}]}}
    image = Image(name, (), {"worker": "x"}, manifest=manifest)
    release = platform.store.releases.cut(app, image, {}, "x")
    platform.store.releases.succeed(release)
    platform.store.formation.set(app, {"worker": count, "web": 0})
    platform.store.properties.set(app, "ps", "auto-rollback", "false")
    slots = boot.wanted(platform, app, release)
    containers = [platform.engine.start(boot.spec(platform, app, release, one)) for one in slots]
    fleet.install(platform, app, [one.id for one in containers])
    return app
