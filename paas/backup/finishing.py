"""Finishing: what was decided is put into place, and its apps are brought up.

By the command that decided it, or by the next daemon where that one ended too early.
"""

import logging

from paas.backup import staging
from paas.console import Console
from paas.deploy import arriving, ending, rise, route
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.model.app import App
from paas.platform import Platform
from paas.plugins import installing
from paas.turns import Turns

log = logging.getLogger(__name__)

# one restore at a time, from its archive to the last of its files
TURNS = Turns(1, "restore")


def finish(platform: Platform) -> None:
    """Put the restore that was decided on into place. Nothing when there is none."""
    tag = staging.committed(platform)
    if tag is None:
        return
    place = staging.named(platform, tag)
    staging.place(platform, place)
    installing.settle(platform.plugins, platform.store)
    failpoint("restore.placed")
    apps = [one for one in platform.store.apps.list() if arriving.tag_of(platform, one) == tag]
    for app in apps:
        platform.repositories.ensure(app.name)
    staging.remove(platform, place)
    with platform.store.together():
        for app in apps:
            arriving.arrived(platform, app)
        platform.store.properties.set(None, *staging.MARK, None)
    try:
        failpoint("restore.finished")
        publish(platform)
    except (PaasError, OSError):
        log.exception("the routes of what was restored are published by the next patrol")


def publish(platform: Platform) -> None:
    """Have the proxy know every app that is all here."""
    apps = [one for one in platform.store.apps.list() if not arriving.begun(platform, one)]
    platform.proxy.publish_all(route.current(platform, app) for app in apps)


def resume(platform: Platform) -> None:
    """As the daemon starts, before anything else is done with apps: finish, or take back."""
    tag = staging.committed(platform)
    for app in platform.store.apps.list():
        if arriving.tag_of(platform, app) not in (None, tag):
            log.info("taking back %s, which did not come whole", app.name)
            ending.begin(platform, app)
    if tag is not None:
        log.info("finishing a restore")
    try:
        finish(platform)
    except Exception:
        log.exception("a restore could not be finished now; it is tried again later")
    staging.sweep(platform, staging.committed(platform))


def bring_up(platform: Platform, names: tuple[str, ...], console: Console) -> list[str]:
    """Have apps that came run what they should; names of those that do not."""
    failed: list[str] = []
    came = [app for app in rise.waiting(platform) if app.name in names]
    if came:
        console.step(f"Bringing up {len(came)} app{'s' * (len(came) != 1)}")

    def tell(app: App, why: str) -> None:
        if why:
            failed.append(app.name)
            console.warn(f"{app.name}: {why}")
        else:
            console.detail(f"{app.name} is up")

    rise.bring_up(platform, came, tell)
    return failed
