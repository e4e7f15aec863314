"""Ending: an app goes, and everything that was made for it. What was begun is finished.

The mark in the database comes first: a daemon that finds it goes on where the last
one, or a full disk, stopped.
"""

from paas.deploy import fleet, prune, shared
from paas.failpoints import failpoint
from paas.model.app import App
from paas.platform import Platform

MARK = ("apps", "ending")


def begin(platform: Platform, app: App) -> None:
    """From here on the app is on its way out: nothing of it is in service."""
    with fleet.changing(app), platform.store.together():
        platform.store.properties.set(app, *MARK, "yes")
        fleet.install(platform, app, ())
    shared.settle(platform, app)  # before another container gets one of its addresses


def begun(platform: Platform, app: App) -> bool:
    """Whether the app is on its way out."""
    return platform.store.properties.get(app, *MARK) is not None


def finish(platform: Platform, app: App) -> None:
    """Remove what is left of the app, its row in the database last. May be repeated."""
    failpoint("ending.begin")
    platform.proxy.withdraw(app.name)
    for container in platform.engine.list():
        if container.spec.slot == app.slot:
            platform.engine.remove(container.id)
    failpoint("ending.containers")
    prune.everything(platform, app)
    failpoint("ending.files")
    platform.networks.remove_app(app.slot)
    platform.repositories.remove(app.name)
    failpoint("ending.repository")
    platform.store.apps.remove(app)
