"""Recovery: the daemon's start. What runs is adopted, what was half done finished or undone.

However the last daemon ended: told to, killed, or with the whole machine. Requests go
on meanwhile: nothing that serves is touched before the proxy knows what takes its place.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from paas.console import silent
from paas.deploy import (
    again,
    arriving,
    boot,
    ending,
    fleet,
    moving,
    pipeline,
    prune,
    retire,
    roll,
    route,
)
from paas.deploy.boot import Slot
from paas.image.durable import remove_tree
from paas.model.app import App
from paas.model.container import Container, Kind
from paas.platform import Platform

log = logging.getLogger(__name__)

# how many slots are being brought up at once, and how long one may count as such
AT_ONCE = 4
TURN_S = 2.0


def recover(platform: Platform) -> None:
    """Make the machine and the database say the same; before anything else is done."""
    platform.store.releases.fail_pending()
    with platform.store.view():
        for app in platform.store.apps.list():
            tend(platform, app)
    with platform.store.view():
        apps = platform.store.apps.list()
        surplus = [container for app in apps for container in dismissed(platform, app)]
        leaving = [*surplus, *unowned(platform, apps)]
        keep = {one for app in apps for one in fleet.ids(platform, app)}
        routes = [route.current(platform, app) for app in apps]
    platform.proxy.publish_all(routes)
    keep |= {one.id for one in leaving}
    keep |= {c.id for c in platform.engine.list() if c.spec.kind is Kind.RUN and c.running}
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
    except Exception:
        log.exception("app %s could not be tended", app.name)


def dismissed(platform: Platform, app: App) -> list[Container]:
    """Containers in service that should be no longer, taken out of it: a scale was cut short."""
    release = platform.store.releases.current(app)
    present = fleet.in_service(platform, app)
    wanted = set(boot.wanted(platform, app, release)) if release else set()
    kept = [one for one in present if roll.place(one) in wanted]
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


# -- everything back -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One slot of one app that waits to be started; they sort as they are to be started."""

    rank: tuple[int, int]
    app: str
    slot: Slot


def missing(platform: Platform) -> list[Place]:
    """Every slot that should run and does not: apps of a high priority first, web first."""
    found = []
    with platform.store.view():
        for app in platform.store.apps.list():
            release = platform.store.releases.current(app)
            if release is None or ending.begun(platform, app) or arriving.begun(platform, app):
                continue
            if not again.whole(platform, release.image):  # whoever brings it up builds it first
                continue
            urgency = -priority(platform, app)
            found += [
                Place((urgency, slot.rank), app.name, slot)
                for slot in roll.missing(platform, app, release)
            ]
    return sorted(found)


def priority(platform: Platform, app: App) -> int:
    """The app's `ps:set priority`; 0 when it has none."""
    text = platform.store.properties.get(app, "ps", "priority") or "0"
    return int(text) if text.removeprefix("-").isdecimal() else 0


def restore(
    places: Sequence[Place],
    start: Callable[[str, Slot], None],
    stopped: Callable[[], bool],
) -> None:
    """Start every missing slot, a few at a time; one that does not get up keeps no place."""
    turns = threading.Semaphore(AT_ONCE)
    for place in places:
        turns.acquire()
        if stopped():
            return
        threading.Thread(
            target=in_turn, args=(turns, start, place), name=f"restore-{place.app}", daemon=True
        ).start()


def in_turn(turns: threading.Semaphore, start: Callable[[str, Slot], None], place: Place) -> None:
    """Start one slot; its turn is over when it is up, or after a while."""
    given_back = threading.Lock()

    def give_back() -> None:
        if given_back.acquire(blocking=False):
            turns.release()

    timer = threading.Timer(TURN_S, give_back)
    timer.daemon = True
    timer.start()
    try:
        start(place.app, place.slot)
    finally:
        timer.cancel()
        give_back()


def refresh_moved(platform: Platform) -> None:
    """New containers for apps whose running ones were started under another name."""
    for app in platform.store.apps.list():
        if moving.old_name(platform, app) is None:
            continue
        with silent() as console, pipeline.operation(platform, app.name, console) as moved:
            if any(one.spec.app != moved.name for one in fleet.in_service(platform, moved)):
                pipeline.refresh(platform, moved, console)
            moving.end(platform, moved)
