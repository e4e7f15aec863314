"""The patrol looks at every app, and touches only those that something is amiss with."""

from dataclasses import replace

from paas.deploy import fleet, patrol, route
from paas.model.route import RouteState
from paas.platform import Platform
from tests.deploy.small_platform import running


def serving(platform: Platform, name: str):
    app = running(platform, name, 1, 0)
    platform.repositories.ensure(name)
    route.publish(platform, app)
    return app


def test_apps_that_are_as_they_should_be_are_left_alone(platform: Platform):
    for name in ("blog", "shop"):
        serving(platform, name)
    assert patrol.amiss(platform) == []


def test_whatever_is_amiss_with_an_app_is_seen(platform: Platform):
    pending, stray = serving(platform, "pending"), serving(platform, "stray")
    serving(platform, "misled")
    serving(platform, "fine")
    image = platform.store.releases.current(pending).image  # type: ignore[union-attr]
    platform.store.releases.cut(pending, image, {}, "cut short")
    fleet.install(platform, stray, [])
    told = platform.proxy.routes()["misled"]
    platform.proxy.publish(replace(told, state=RouteState.SERVING))
    assert [app.name for app in patrol.amiss(platform)] == ["misled", "pending", "stray"]
    with fleet.in_hand(platform.engine.list("stray")[0].id):
        assert [app.name for app in patrol.amiss(platform)] == ["misled", "pending"]


def test_whoever_publishes_an_app_whose_next_container_comes_in_a_moment_its_requests_wait(
    platform: Platform,
):
    app = serving(platform, "next")
    platform.store.formation.set(app, {"web": 1, "worker": 0})
    fleet.install(platform, app, [])
    with route.expecting(app):
        route.publish(platform, app)
        assert platform.proxy.routes()["next"].state is RouteState.HELD
        assert platform.proxy.routes()["next"].hold_s > 0
    route.publish(platform, app)
    assert platform.proxy.routes()["next"].state is RouteState.STARTING
