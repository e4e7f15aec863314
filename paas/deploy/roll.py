"""Roll: put containers of a release into service and the ones they replace out of it.

Every change of what runs goes through here: a deploy, a rollback, a new config, a
restart, a scale, a stop. Nothing serving is touched until what replaces it is healthy.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from paas.console import Console
from paas.deploy import (
    boot,
    builds,
    fleet,
    front,
    handover,
    health,
    policies,
    retire,
    route,
    telling,
)
from paas.deploy.boot import WEB, Slot, place
from paas.deploy.release import manifest_of
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.model.app import App
from paas.model.container import Container
from paas.model.process_state import ProcessState
from paas.model.release import Release
from paas.platform import Platform

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Also:
    """What else is true from the switch on: a change of the database, a part of its transaction."""

    change: Callable[[], None]
    undo: Callable[[], None]  # when the proxy could not be told


ALONE = Also(lambda: None, lambda: None)


def roll(
    platform: Platform,
    app: App,
    release: Release,
    fresh: Sequence[Slot],
    console: Console,
    also: Also = ALONE,
) -> None:
    """Start the fresh slots, check them, switch, retire what is no longer wanted.

    On a failed check or a cancel the new containers are removed and nothing changed.
    """
    console.check_cancelled()
    with handover.room_made(platform, app, fresh, console):
        replaced = bring_up(platform, app, release, fresh, console, also)
    retire.later(platform, replaced)


def bring_up(
    platform: Platform,
    app: App,
    release: Release,
    fresh: Sequence[Slot],
    console: Console,
    also: Also,
) -> list[Container]:
    """Start, check and switch; the containers that were replaced."""
    builds.at("containers")
    failpoint("boot.start")
    new: list[Container] = []
    if fresh:
        console.heading("Processing deployment checks")
    try:
        for group in turns(platform, app, release, fresh):
            new += begin(platform, app, release, group, console)
        for one in new:
            health.refuse_exited(platform, one)
        failpoint("health.passed")
        console.check_cancelled()
        builds.at("switch")
        for one in new:
            platform.engine.promote(one.id)
        return switch(platform, app, release, new, also)
    except BaseException:
        discard(platform, app, new)
        raise


def begin(
    platform: Platform, app: App, release: Release, slots: Sequence[Slot], console: Console
) -> list[Container]:
    """Start these side by side and check them; healthy when this returns."""
    new = boot.start(platform, app, release, slots, console)
    try:
        failpoint("boot.started")
        failpoint("health.check")
        health.check_all(platform, app, release, new, console)
        for one in new:
            telling.checked(platform, app, one, console)
    except BaseException:
        discard(platform, app, new)
        raise
    return new


def turns(
    platform: Platform, app: App, release: Release, slots: Sequence[Slot]
) -> list[list[Slot]]:
    """Slots that start side by side, one group after the other."""
    at_once = manifest_of(release).max_parallel
    kinds = by_type(slots, policies.types_at_once(platform, app))
    return [group for some in kinds for group in groups(some, at_once)]


def by_type(slots: Sequence[Slot], at_once: int | None) -> list[list[Slot]]:
    """All slots together; or web's, and then those of so many other process types at a time."""
    if at_once is None:
        return [[*slots]]
    others = sorted({slot.process for slot in slots} - {WEB})
    kinds = [{WEB}, *({*others[n : n + at_once]} for n in range(0, len(others), at_once))]
    parts = [[slot for slot in slots if slot.process in some] for some in kinds]
    return [part for part in parts if part]


def groups(slots: Sequence[Slot], at_once: Mapping[str, int]) -> list[list[Slot]]:
    """Slots that start side by side, one group after the other.

    at_once: for process types that say so (app.json's max_parallel), the most of a group.
    """
    found: dict[int, list[Slot]] = defaultdict(list)
    seen: Counter[str] = Counter()
    for slot in slots:
        found[seen[slot.process] // (at_once.get(slot.process) or len(slots))].append(slot)
        seen[slot.process] += 1
    return [found[number] for number in sorted(found)]


def discard(platform: Platform, app: App, containers: Sequence[Container]) -> None:
    """Remove containers that never served; what cannot be removed now, the patrol removes."""
    serving = fleet.ids(platform, app)
    for container in containers:
        if container.id not in serving:
            try:
                platform.engine.remove(container.id)
            except (PaasError, OSError):
                log.exception("container %s stays for now", container.id)


def switch(
    platform: Platform, app: App, release: Release, new: Sequence[Container], also: Also
) -> list[Container]:
    """The one durable step: from here on, the new containers are the app.

    Returns those they replace. When the proxy cannot be told, all is as before.
    """
    with fleet.changing(app):
        before, current = fleet.ids(platform, app), platform.store.releases.current(app)
        kept, replaced = divide(platform, app, release, new)
        failpoint("route.switch")
        ids = [container.id for container in (*kept, *new)]
        put(platform, app, release, ids, also.change)
        for container in new:
            process, index = container.spec.process, container.spec.index
            platform.store.process_states.change(app, process, index, ProcessState.fresh)
        try:
            failpoint("route.switched")
            route.publish(platform, app)
        except BaseException:
            try:
                put(platform, app, current, before, also.undo)
            finally:
                route.again(platform, app)
            raise
        return replaced


def put(
    platform: Platform,
    app: App,
    release: Release | None,
    ids: Sequence[str],
    change: Callable[[], None],
) -> None:
    """These containers of this release in service, and what else changes, as one change."""
    with platform.store.together():
        change()
        if release is not None:
            platform.store.releases.succeed(release)
            platform.store.properties.set(app, *front.CLEARED, None)
        else:
            platform.store.releases.none_current(app)
        fleet.install(platform, app, ids)


def divide(
    platform: Platform, app: App, release: Release, new: Sequence[Container]
) -> tuple[list[Container], list[Container]]:
    """The containers in service that stay, and those that are replaced or no longer wanted."""
    wanted = set(boot.wanted(platform, app, release))
    fresh = {place(container) for container in new}
    present = fleet.in_service(platform, app)
    kept = [one for one in present if place(one) in wanted and place(one) not in fresh]
    ids = {one.id for one in kept}
    return kept, [one for one in present if one.id not in ids]


def missing(platform: Platform, app: App, release: Release) -> list[Slot]:
    """Wanted slots that nothing running is in."""
    running = {place(one) for one in fleet.in_service(platform, app) if one.running}
    return [slot for slot in boot.wanted(platform, app, release) if slot not in running]
