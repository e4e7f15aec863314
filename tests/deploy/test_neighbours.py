"""Supervision with many crashing processes: threads are bounded, and neighbours get their turn."""

import threading
import time
from collections.abc import Callable
from typing import cast

import pytest

from paas.deploy import environment, fleet
from paas.deploy.supervise import CREW, OF_ONE_APP, Supervisor
from paas.model.app import App
from paas.model.container import ExitStatus
from paas.platform import Platform
from tests.deploy.small_platform import running
from tests.engines.fake import FakeEngine

MANY = 40


def crash(platform: Platform, app: App) -> None:
    for one in fleet.in_service(platform, app):
        cast("FakeEngine", platform.engine).ended(one.id, ExitStatus(1))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_an_app_that_crashes_all_over_keeps_no_thread_from_its_neighbour(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(environment, "launch", lambda *_: ("sleep", "60"))
    noisy = running(platform, "noisy", MANY, 600)
    quiet = running(platform, "quiet", 1, 0)
    there, supervisor = set(threading.enumerate()), Supervisor(platform)
    platform.engine.on_exit(supervisor._exited)
    try:
        crash(platform, noisy)
        until(lambda: supervisor._working[noisy.id] == OF_ONE_APP)
        before = set(fleet.ids(platform, quiet))
        crash(platform, quiet)
        until(lambda: set(fleet.ids(platform, quiet)) != before)
        new = set(threading.enumerate()) - there
        crew = [one for one in new if one.name.startswith("supervise")]
        assert len(crew) <= CREW
        assert supervisor._working[noisy.id] <= OF_ONE_APP
        assert platform.store.process_states.all(quiet)["worker.1"].restarts == 1
    finally:
        supervisor.stop()
        for one in platform.engine.list():
            platform.engine.remove(one.id)
        until(lambda: not supervisor._working.total())
