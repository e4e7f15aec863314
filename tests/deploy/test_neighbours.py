"""Supervision with many crashing processes: threads are bounded, and neighbours get their turn."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from paas.command import Runner
from paas.deploy import boot, environment, fleet
from paas.deploy.supervise import CREW, OF_ONE_APP, Supervisor
from paas.git.repositories import Repositories
from paas.logs.logs import Logs
from paas.model.app import App
from paas.model.container import ExitStatus
from paas.model.release import Image
from paas.platform import Platform
from paas.settings import Settings
from paas.store.store import Store
from tests.commands.conftest import FakeProxy
from tests.engines.fake import FakeEngine

MANY = 40


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    runner, nothing = Runner(), cast("Any", None)
    made = Platform(
        settings, runner, Store(settings), FakeEngine(), nothing, nothing, nothing,
        cast("Any", FakeProxy()), Repositories(settings, runner), Logs(settings),
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


def crash(platform: Platform, app: App) -> None:
    for one in fleet.in_service(platform, app):
        cast("FakeEngine", platform.engine).ended(one.id, ExitStatus(1))


def until(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_an_app_that_crashes_all_over_keeps_no_thread_from_its_neighbour(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(environment, "launch", lambda *_: ("sleep", "60"))
    noisy = running(platform, "noisy", MANY, 30)
    quiet = running(platform, "quiet", 1, 0)
    supervisor = Supervisor(platform)
    platform.engine.on_exit(supervisor._exited)
    try:
        crash(platform, noisy)
        until(lambda: supervisor._working[noisy.id] == OF_ONE_APP, 10)
        before = set(fleet.ids(platform, quiet))
        crash(platform, quiet)
        until(lambda: set(fleet.ids(platform, quiet)) != before, 3)
        crew = [one for one in threading.enumerate() if one.name.startswith("supervise")]
        assert len(crew) <= CREW
        assert supervisor._working[noisy.id] <= OF_ONE_APP
        assert platform.store.process_states.all(quiet)["worker.1"].restarts == 1
    finally:
        supervisor.stop()
        for one in platform.engine.list():
            platform.engine.remove(one.id)
        until(lambda: not supervisor._working.total(), 10)
