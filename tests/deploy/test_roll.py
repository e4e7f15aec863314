"""New containers start side by side, or a few at a time where app.json says so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from paas.console import silent
from paas.deploy import boot, environment, fleet, health, operations, retire, roll, room
from paas.deploy.boot import slot_of
from paas.errors import PaasError
from paas.model.app import App
from paas.model.container import Container, ExitStatus
from paas.model.release import Image, Release
from paas.platform import Platform
from tests.deploy.small_platform import running
from tests.engines.fake import FakeEngine


def slots(**counts: int) -> list[boot.Slot]:
    return [slot_of(kind, n) for kind, count in counts.items() for n in range(1, count + 1)]


def names(groups: list[list[boot.Slot]]) -> list[list[str]]:
    return [[slot.name for slot in group] for group in groups]


def test_without_a_word_of_it_all_start_at_once():
    assert len(roll.groups(slots(web=5, worker=3), {})) == 1
    assert len(roll.groups(slots(web=5), {"web": 0})) == 1
    assert roll.groups([], {"web": 1}) == []


def test_each_process_type_has_its_own_most():
    found = roll.groups(slots(web=3, worker=3, clock=1), {"web": 2, "worker": 1})
    assert names(found) == [
        ["web.1", "web.2", "worker.1", "clock.1"],
        ["web.3", "worker.2"],
        ["worker.3"],
    ]


def release_of(platform: Platform, most: int) -> tuple[App, Release]:
    app = platform.store.apps.create("blog")
    manifest: dict[str, object] = {
        "formation": {"worker": {"max_parallel": most}},
        "healthchecks": {"worker": [{"uptime": 0}]},
    }
    image = Image("i", (), {"worker": "x"}, manifest=manifest)
    platform.store.formation.set(app, {"web": 0, "worker": 3})
    return app, platform.store.releases.cut(app, image, {}, "x")


@pytest.fixture
def engine(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    monkeypatch.setattr(environment, "launch", lambda *_: ("sleep", "60"))
    return cast("FakeEngine", platform.engine)


def test_the_next_one_starts_when_the_one_before_is_healthy(
    platform: Platform, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
):
    app, release = release_of(platform, 1)
    running_at_check = []
    check = health.check_all

    def noted(*arguments: object) -> None:
        running_at_check.append(len(engine.list()))
        check(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(health, "check_all", noted)
    with silent() as console:
        roll.roll(platform, app, release, boot.wanted(platform, app, release), console)
    assert running_at_check == [1, 2, 3]
    assert len(engine.promoted) == 3
    assert platform.store.releases.current(app) == platform.store.releases.get(app, 1)


def test_one_that_ends_while_others_start_fails_the_deploy(
    platform: Platform, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
):
    app, release = release_of(platform, 1)
    check = health.check_all

    def first_one_ends(
        platform: Platform, app: App, release: Release, new: list[Container], console: object
    ) -> None:
        check(platform, app, release, new, console)  # type: ignore[arg-type]
        engine.ended(engine.list()[0].id, ExitStatus(1))

    monkeypatch.setattr(health, "check_all", first_one_ends)
    with silent() as console, pytest.raises(PaasError, match=r"worker.1"):
        roll.roll(platform, app, release, boot.wanted(platform, app, release), console)
    assert engine.list() == []
    assert platform.store.releases.current(app) is None


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Operations without the locks of a real platform, on a disk with room; who was retired."""

    @contextmanager
    def operation(platform: Platform, name: str, *_: object) -> Iterator[App]:
        yield platform.store.apps.get(name)

    retired: list[str] = []
    monkeypatch.setattr(operations, "operation", operation)
    monkeypatch.setattr(room, "admit", lambda *_: None)
    monkeypatch.setattr(retire, "later", lambda _, some: retired.extend(one.id for one in some))
    return retired


def refused_after(platform: Platform, app: App) -> Callable[..., None]:
    """Checks that fail once somebody else has put the slot into service."""

    def check(*_: object) -> None:
        release = platform.store.releases.get(app, 1)
        spec = boot.spec(platform, app, release, slot_of("worker", 2))
        other = platform.engine.start(spec)
        assert fleet.add(platform, app, other)
        raise PaasError("not healthy")

    return check


def test_what_the_restorer_started_for_a_scale_that_fails_is_retired(
    platform: Platform, engine: FakeEngine, alone: list[str], monkeypatch: pytest.MonkeyPatch
):
    app = running(platform, "blog", 1, 0)
    (before,) = fleet.ids(platform, app)
    monkeypatch.setattr(health, "check_all", refused_after(platform, app))
    with silent() as console, pytest.raises(PaasError, match="not healthy"):
        operations.scale(platform, "blog", {"worker": 2}, console)
    assert platform.store.formation.get(app).count("worker") == 1
    assert fleet.ids(platform, app) == [before]
    assert {before, *alone} == {one.id for one in engine.list()}


def test_what_the_restorer_started_for_a_start_that_fails_is_retired(
    platform: Platform, engine: FakeEngine, alone: list[str], monkeypatch: pytest.MonkeyPatch
):
    app = running(platform, "blog", 2, 0)
    for one in engine.list():
        engine.remove(one.id)
    fleet.install(platform, app, [])
    platform.store.apps.stopped(app, True)
    monkeypatch.setattr(health, "check_all", refused_after(platform, app))
    with silent() as console, pytest.raises(PaasError, match="not healthy"):
        operations.start(platform, "blog", console)
    assert platform.store.apps.get("blog").stopped
    assert fleet.ids(platform, app) == []
    assert set(alone) == {one.id for one in engine.list()}
