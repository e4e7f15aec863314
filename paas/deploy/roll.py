"""Roll: put containers of a release into service and the ones they replace out of it.

Every change of what runs goes through here: a deploy, a rollback, a new config, a
restart, a scale, a stop. Nothing serving is touched until what replaces it is healthy.
"""

from collections.abc import Sequence

from paas.console import Console
from paas.deploy import boot, fleet, health, retire, route
from paas.deploy.boot import Slot
from paas.deploy.release import manifest_of
from paas.model.app import App
from paas.model.container import Container
from paas.model.release import Release
from paas.platform import Platform


def roll(
    platform: Platform, app: App, release: Release, fresh: Sequence[Slot], console: Console
) -> None:
    """Start the fresh slots, check them, switch, retire what is no longer wanted.

    On a failed check or a cancel the new containers are removed and nothing changed.
    """
    console.check_cancelled()
    new = boot.start(platform, app, release, fresh, console)
    try:
        check = health.check_of(platform, app, manifest_of(release))
        if new:
            console.step("Processing deployment checks")
        health.check_all(platform, new, check, console)
        console.check_cancelled()
    except BaseException:
        discard(platform, new)
        raise
    switch(platform, app, release, new)


def discard(platform: Platform, containers: Sequence[Container]) -> None:
    """Remove containers that never served."""
    for container in containers:
        platform.engine.remove(container.id)


def switch(platform: Platform, app: App, release: Release, new: Sequence[Container]) -> None:
    """The one durable step: from here on, the new containers are the app."""
    with fleet.changing(app):
        if release.status != "succeeded":
            platform.store.releases.succeed(release)
        kept, replaced = divide(platform, app, release, new)
        fleet.install(platform, app, [*kept, *new])
        for container in new:
            platform.slot_health.pop((app.name, container.spec.process, container.spec.index), None)
        route.publish(platform, app)
    retire.later(platform, replaced)


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


def place(container: Container) -> Slot:
    return boot.slot_of(container.spec.process, container.spec.index)


def missing(platform: Platform, app: App, release: Release) -> list[Slot]:
    """Wanted slots that nothing running is in."""
    running = {place(one) for one in fleet.in_service(platform, app) if one.running}
    return [slot for slot in boot.wanted(platform, app, release) if slot not in running]
