"""Route: the app's domains lead to its web containers in service, and nowhere else."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from paas.deploy import fleet, front, policies, shared
from paas.deploy.boot import WEB
from paas.deploy.presence import Presence
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.model.app import App
from paas.model.route import Peer, Route, RouteState
from paas.platform import Platform

log = logging.getLogger(__name__)

_expected: Presence[int] = Presence()  # apps that get a container in a moment, by their ids


def publish(platform: Platform, app: App) -> None:
    """Tell the proxy what is true now; durable and visible when this returns."""
    with fleet.changing(app):
        failpoint("route.publish")
        shared.settle(platform, app)
        platform.proxy.publish(current(platform, app))


def change(platform: Platform, app: App, alter: Callable[[], None]) -> None:
    """Alter what the app's route is made of, and publish it: both or neither."""
    with fleet.changing(app):
        try:
            with platform.store.together():
                alter()
                failpoint("route.altered")
                publish(platform, app)
        except BaseException:
            again(platform, app)
            raise


def again(platform: Platform, app: App) -> None:
    """What the database says, after all; when the proxy cannot be told now, the patrol does."""
    try:
        publish(platform, app)
    except (PaasError, OSError):
        log.exception("the route of %s is not what it should be for now", app.name)


def current(platform: Platform, app: App) -> Route:
    """The route of an app by its domains, its release and its containers."""
    now = platform.store.apps.get(app.name)
    web = [one for one in fleet.in_service(platform, now) if one.spec.process == WEB]
    peers = elsewhere(platform, now) or tuple(
        Peer(str(one.address), one.spec.port) for one in web if one.running
    )
    found = state(platform, now, peers)
    hold_s = policies.hold_s(platform, now) if found is RouteState.HELD else 0
    made = Route(now.name, platform.store.domains.effective(now), peers, found, hold_s)
    release = platform.store.releases.current(now)
    return front.dressed(platform, now, made, release.image if release else None)


def change_all(platform: Platform, alter: Callable[[], None]) -> None:
    """Alter what every app's route is made of, and publish them as one change: both or neither."""
    with ExitStack() as held:
        for app in platform.store.apps.list():
            held.enter_context(fleet.changing(app))
        try:
            with platform.store.together():
                alter()
                tell_all(platform)
        except BaseException:
            tell_all(platform)
            raise


def tell_all(platform: Platform) -> None:
    with platform.store.view():
        routes = [current(platform, app) for app in platform.store.apps.list()]
        defaults = front.defaults(platform)
    platform.proxy.configure(defaults)
    platform.proxy.publish_all(routes)


def expecting(app: App) -> AbstractContextManager[object]:
    """Whoever publishes the app meanwhile, its requests wait while no container takes them."""
    return _expected.of(app.id)


def elsewhere(platform: Platform, app: App) -> tuple[Peer, ...]:
    """Where the app is that does not run here: its static-web-listener."""
    text = platform.store.properties.get(app, shared.NAMESPACE, shared.LISTENER)
    if text is None or app.stopped:
        return ()
    host, _, port = text.rpartition(":")
    return (Peer(host, int(port)),)


def state(platform: Platform, app: App, peers: tuple[Peer, ...]) -> RouteState:
    if policies.held(platform, app) and not app.stopped:
        return RouteState.HELD
    if peers or app.id in _expected:
        return RouteState.SERVING if peers else RouteState.HELD
    release = platform.store.releases.current(app)
    if release is None:
        return RouteState.UNDEPLOYED
    if app.stopped or not platform.store.formation.get(app).count(WEB):
        return RouteState.STOPPED
    if platform.store.process_states.get(app, WEB, 1).failures_in_a_row:
        return RouteState.DOWN
    return RouteState.STARTING
