"""Patrol: every half a minute, what a fault left half done is found and put right.

Takes the locks that operations take, and leaves alone whatever somebody is busy with.
"""

import logging
import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from paas.console import Console, silent
from paas.deploy import arriving, ending, fleet, landing, lifetime, moving, prune, retire, route
from paas.errors import Cancelled, PaasError
from paas.git import pushes
from paas.model.app import App
from paas.model.container import Container, Kind
from paas.platform import Platform

log = logging.getLogger(__name__)


class Patrol:
    """Walks over the instance, in a thread of its own, from start() to stop()."""

    def __init__(self, platform: Platform, restore: Callable[[], None]) -> None:
        """restore: start every slot that should run and that nobody is busy with."""
        self._platform = platform
        self._restore = restore
        self._stopped = threading.Event()
        self._copied_at = -math.inf

    def start(self) -> None:
        threading.Thread(target=self._run, name="patrol", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._platform.settings.patrol_s):
            self.walk()

    def walk(self) -> None:
        """One round; a step that fails leaves the others their turn."""
        platform = self._platform
        for step in (
            platform.networks.ensure,
            platform.proxy.tend,
            lambda: remove_strays(platform),
            lambda: tend_all(platform),
            lambda: prune.once_more(platform),
            self._restore,
            lambda: drop_left_files(platform),
            self._copy_database,
        ):
            try:
                step()
            except Exception:
                log.exception("a step of the patrol failed")

    def _copy_database(self) -> None:
        """Now and then, for when it is damaged."""
        copies, now = self._platform.store.copies, time.monotonic()
        if copies and now - self._copied_at > self._platform.settings.database_copy_s:
            self._copied_at = now
            copies.make()


def remove_strays(platform: Platform) -> list[str]:
    """Traces of containers that the engine knows nothing of, and containers without an app.

    Returns the traces that were removed, in words.
    """
    removed = platform.engine.reconcile(None)
    for words in removed:
        log.info("removed leftover %s", words)
    containers = platform.engine.list()  # before the apps: an app is there before its containers
    slots = {app.slot for app in platform.store.apps.list()}
    for container in containers:
        over = container.spec.kind is not Kind.APP and container.exit is not None
        if container.spec.slot not in slots or (over and not fleet.is_in_hand(container.id)):
            platform.engine.remove(container.id)
    return removed


def drop_left_files(platform: Platform) -> None:
    """What pushes left that nobody ended, and apps' logs under names they no longer have."""
    logged = platform.logs.names()  # before the apps: an app is there before its log
    apps = platform.store.apps.list()
    moving_from = {moving.old_name(platform, app) for app in apps}
    started_as = {one.spec.app for one in platform.engine.list()}
    for name in logged - {app.name for app in apps} - moving_from - started_as:
        platform.logs.remove(name)
    for app in apps:
        platform.repositories.drop_abandoned(app.name)


def tend_all(platform: Platform) -> None:
    """Every app that something is amiss with and no operation is under way with."""
    for app in amiss(platform):
        try:
            with impatient() as console, platform.locks.hold(app.name, console):
                tend(platform, app)
        except Cancelled:
            continue
        except (PaasError, OSError) as error:
            log.warning("app %s could not be tended: %s", app.name, error)


class Impatient(Console):
    """Goes away when it is told to wait."""

    def step(self, text: str) -> None:  # noqa: ARG002 - whatever it is told
        self.cancel()


@contextmanager
def impatient() -> Iterator[Impatient]:
    """A console for work that is left to the next round when somebody else is at it."""
    descriptor = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield Impatient(descriptor, descriptor, descriptor, quiet=True)
    finally:
        os.close(descriptor)


def tend(platform: Platform, app: App) -> None:
    """One app, under its lock: what is half done, what nobody owns, what is not yet told."""
    now = platform.store.apps.find(app.name)
    if now is None or now.id != app.id:
        return
    if ending.begun(platform, app):
        ending.finish(platform, app)
        return
    if arriving.begun(platform, app):
        return
    with silent() as console:
        lifetime.finish_move(platform, app, console)
    platform.repositories.ensure(app.name)
    platform.store.releases.fail_pending(app)
    retire.later(platform, left_alone(platform, app))
    if not pushes.under_way(app.name):
        landing.settle(platform, app)
    with fleet.changing(app):
        if platform.proxy.routes().get(app.name) != route.current(platform, app):
            route.publish(platform, app)


def amiss(platform: Platform) -> list[App]:
    """Apps that there may be something to do for, found without a lock: most are as they should."""
    told, running = platform.proxy.routes(), apps_containers(platform)
    with platform.store.view():
        pending = platform.store.releases.pending()
        return [
            app
            for app in platform.store.apps.list()
            if app.id in pending
            or ending.begun(platform, app)
            or landing.begun(platform, app)
            or moving.old_name(platform, app) is not None
            or unserving(platform, app, running[app.slot])
            or told.get(app.name) != route.current(platform, app)
            or not platform.repositories.exists(app.name)
        ]


def left_alone(platform: Platform, app: App) -> list[Container]:
    """Containers that are not in service, and that nobody checks or retires."""
    return unserving(platform, app, apps_containers(platform)[app.slot])


def apps_containers(platform: Platform) -> dict[int, list[Container]]:
    """Containers of apps' processes, by slot."""
    found: dict[int, list[Container]] = defaultdict(list)
    for one in platform.engine.list():
        if one.spec.kind is Kind.APP:
            found[one.spec.slot].append(one)
    return found


def unserving(platform: Platform, app: App, containers: Sequence[Container]) -> list[Container]:
    serving = fleet.ids(platform, app)
    return [one for one in containers if one.id not in serving and not fleet.is_in_hand(one.id)]
