"""When a release that crashes is given up, and for which one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from types import SimpleNamespace
from typing import Any

import pytest

from paas.deploy import crashes
from paas.model.app import App
from paas.model.container import Container, ContainerSpec, ExitStatus, Kind
from paas.model.release import Image, Release
from paas.settings import Settings
from paas.store.store import Store


@pytest.fixture
def platform(settings: Settings) -> Iterator[Any]:
    store = Store(settings)
    yield SimpleNamespace(store=store, settings=replace(settings, rollback_crashes=2))
    store.close()


@pytest.fixture
def app(platform: Any) -> App:
    return platform.store.apps.create("blog")  # type: ignore[no-any-return]


def serve(platform: Any, app: App, **changes: Any) -> Release:
    releases = platform.store.releases
    release = releases.cut(app, Image("i", (), {"web": "x"}), {}, "x", **changes)
    releases.succeed(release)
    return release  # type: ignore[no-any-return]


def ended(app: App, release: Release, code: int = 1, process: str = "web") -> Container:
    spec = ContainerSpec(
        "aaaaaaaaaa", app.name, app.slot, Kind.APP, process, 1, (), ("x",),
        release=release.version,
    )  # fmt: skip
    address = IPv4Address("10.0.0.2")
    return Container(spec, address, 1, datetime.now(UTC), ExitStatus(code))


def condemned(platform: Any, app: App, container: Container, times: int = 2) -> bool:
    found = [crashes.condemned(platform, app, container) for _ in range(times)]
    return found[-1] is not None


def test_enough_crashes_soon_after_the_switch_condemn_a_release(platform: Any, app: App):
    serve(platform, app)
    second = serve(platform, app)
    assert not condemned(platform, app, ended(app, second), times=1)
    assert condemned(platform, app, ended(app, second), times=1)


def test_a_first_release_has_nothing_to_go_back_to(platform: Any, app: App):
    assert not condemned(platform, app, ended(app, serve(platform, app)), times=5)


def test_a_release_that_came_by_a_rollback_stays(platform: Any, app: App):
    serve(platform, app)
    crashed = serve(platform, app)
    third = serve(platform, app, reverts=crashed.version)
    assert not condemned(platform, app, ended(app, third), times=5)


def test_a_release_that_crashed_at_its_own_start_is_no_way_back(platform: Any, app: App):
    first = serve(platform, app)
    second = serve(platform, app)
    platform.store.releases.crashed(second)
    serve(platform, app)
    found = crashes.last_healthy(platform, app)
    assert found is not None
    assert found.version == first.version


def test_a_rollback_that_failed_twice_is_not_tried_again(platform: Any, app: App):
    serve(platform, app)
    second = serve(platform, app)
    for _ in range(2):
        assert condemned(platform, app, ended(app, second))
        image = Image("i", (), {"web": "x"})
        failed = platform.store.releases.cut(app, image, {}, "x", reverts=second.version)
        platform.store.releases.fail(failed)
    assert not condemned(platform, app, ended(app, second))


@pytest.mark.parametrize(
    ("setting", "counts"), [("true", True), ("false", False), ("60", True), ("1", False)]
)
def test_an_app_says_for_how_long_or_not_at_all(
    platform: Any, app: App, setting: str, counts: bool
):
    platform.store.properties.set(app, "ps", "auto-rollback", setting)
    release = serve(platform, app)
    earlier = replace(
        platform.store.releases.current(app), served_at=datetime.now(UTC) - timedelta(seconds=5)
    )
    assert crashes.counts(platform, app, earlier, ended(app, release)) is counts


@pytest.mark.parametrize(
    ("process", "code", "counts"),
    [("web", 0, True), ("web", 1, True), ("worker", 1, True), ("worker", 0, False)],
)
def test_a_worker_may_end_well_a_web_process_may_not(
    platform: Any, app: App, process: str, code: int, counts: bool
):
    serve(platform, app)
    current = serve(platform, app)
    now = platform.store.releases.current(app)
    container = ended(app, current, code, process)
    assert crashes.counts(platform, app, now, container) is counts


def test_an_end_of_an_older_release_speaks_against_nobody(platform: Any, app: App):
    first = serve(platform, app)
    serve(platform, app)
    assert not condemned(platform, app, ended(app, first), times=5)


def test_a_process_is_given_up_after_as_many_failures_as_its_policy_bears(platform: Any, app: App):
    platform.store.properties.set(app, "ps", "restart-policy", "on-failure:2")
    container = ended(app, serve(platform, app))
    states = [crashes.remember(platform, app, container) for _ in range(3)]
    assert [(one.restarts, one.gave_up) for one in states] == [(1, False), (2, False), (2, True)]
    assert states[-1].last_exit == ExitStatus(1)
