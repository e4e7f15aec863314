"""Recovery: the daemon's start. What runs is adopted, what was half done finished or undone.

However the last daemon ended: told to, killed, or with the whole machine. Requests go
on meanwhile: nothing that serves is touched before the proxy knows what takes its place.
"""

import logging
from collections.abc import Iterable

from paas.deploy import (
    arriving,
    boot,
    builds,
    ending,
    fleet,
    front,
    landing,
    moving,
    prune,
    retire,
    route,
    shared,
    volumes,
)
from paas.image.durable import remove_tree
from paas.model.app import App
from paas.model.container import Container, Kind
from paas.platform import Platform

log = logging.getLogger(__name__)


def prepare(platform: Platform) -> None:
    """Have the proxy begin with what runs now: after a reboot, with every app starting.

    Before nginx is there: it would send requests to where nobody is any more.
    """
    if not platform.engine.list():
        platform.store.process_states.forgive()
    with platform.store.view():
        routes = [route.current(platform, app) for app in platform.store.apps.list()]
    platform.proxy.prepare(routes, front.defaults(platform))


def recover(platform: Platform) -> None:
    """Make the machine and the database say the same; before anything else is done."""
    platform.repositories.end_all()
    platform.volumes.recover()
    volumes.mount_all(platform)
    platform.store.releases.fail_pending()
    builds.fail_abandoned(platform)
    with platform.store.view():
        for app in platform.store.apps.list():
            tend(platform, app)
    landing.realign(platform)
    with platform.store.view():
        apps = platform.store.apps.list()
        surplus = [container for app in apps for container in dismissed(platform, app)]
        leaving = [*surplus, *unowned(platform, apps)]
        keep = {one for app in apps for one in fleet.ids(platform, app)}
        routes = [route.current(platform, app) for app in apps]
    platform.proxy.publish_all(routes)
    shared.tell(platform)
    keep |= {one.id for one in leaving}
    keep |= {c.id for c in platform.engine.list() if c.spec.kind is Kind.RUN and c.running}
    for one in keep:
        platform.engine.promote(one)
    for words in platform.engine.reconcile(keep):
        log.info("removed leftover %s", words)
    sweep_files(platform)
    retire.later(platform, leaving)


def tend(platform: Platform, app: App) -> None:
    """Finish what was begun with an app; what cannot be now, the patrol tries again."""
    try:
        if ending.begun(platform, app):
            log.info("finishing the end of %s", app.name)
            ending.finish(platform, app)
            return
        if not arriving.begun(platform, app):
            moving.settle(platform, app)
            platform.repositories.ensure(app.name)
            platform.repositories.drop_abandoned(app.name)
            landing.settle(platform, app)
    except Exception:
        log.exception("app %s could not be tended", app.name)


def dismissed(platform: Platform, app: App) -> list[Container]:
    """Containers in service that should be no longer, taken out of it: a scale was cut short."""
    release = platform.store.releases.current(app)
    present = fleet.in_service(platform, app)
    wanted = set(boot.wanted(platform, app, release)) if release else set()
    kept = [one for one in present if boot.place(one) in wanted]
    if len(kept) != len(present):
        fleet.install(platform, app, [one.id for one in kept])
    return [one for one in present if one not in kept]


def unowned(platform: Platform, apps: Iterable[App]) -> list[Container]:
    """Running containers of apps that are in nobody's service: they were being checked or retired.

    They may have requests under way, so they are retired, not killed.
    """
    by_slot = {app.slot: set(fleet.ids(platform, app)) for app in apps}
    return [
        one
        for one in platform.engine.list()
        if one.spec.kind is Kind.APP
        and one.running
        and one.spec.slot in by_slot
        and one.id not in by_slot[one.spec.slot]
    ]


def sweep_files(platform: Platform) -> None:
    """Remove what interrupted work left on the disk; nothing is under way yet."""
    settings = platform.settings
    remove_tree(settings.run_dir / "builds")
    platform.repositories.sweep()
    prune.orphans(platform)
    platform.layers.sweep()
    for draft in (settings.state_dir / "points").glob("*.*"):
        remove_tree(draft)
    for draft in (settings.state_dir / "scratch").glob(".*"):
        draft.unlink()
