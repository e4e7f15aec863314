"""Handover: processes whose checks are disabled never run beside their successors.

The old ones end first. Web requests wait in the proxy meanwhile, so that giving up
the overlap costs time, not requests; when the new ones fail, the old ones come back.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from paas.console import Console
from paas.deploy import boot, fleet, policies, retire, route
from paas.deploy.boot import WEB, Slot, place
from paas.errors import PaasError
from paas.model.app import App
from paas.model.check import Mode
from paas.model.container import Container
from paas.platform import Platform

log = logging.getLogger(__name__)


@contextmanager
def room_made(
    platform: Platform, app: App, fresh: Sequence[Slot], console: Console
) -> Iterator[None]:
    """End what must not run beside the fresh slots, for the time of the block and after."""
    present = fleet.in_service(platform, app)
    alone = {slot for slot in fresh if policies.mode(platform, app, slot.process) is Mode.DISABLED}
    leaving = [one for one in present if place(one) in alone]
    empty = alone | ({*fresh} - {place(one) for one in present})
    serves = any(one.spec.process == WEB for one in leaving)
    with (
        fleet.reserved(app, [slot.name for slot in empty]),
        route.expecting(app) if serves else nullcontext(),
    ):
        try:
            if leaving:
                dismiss(platform, app, leaving, console)
            yield
        except BaseException:
            if leaving:
                bring_back(platform, app, [place(one) for one in leaving])
            raise


def dismiss(platform: Platform, app: App, leaving: Sequence[Container], console: Console) -> None:
    """Out of service, requests held, then ended."""
    gone = {one.id for one in leaving}
    with fleet.changing(app):
        fleet.install(platform, app, [one for one in fleet.ids(platform, app) if one not in gone])
        platform.proxy.publish(route.current(platform, app))
    for one in leaving:
        console.step(f"Stopping {one.spec.hostname} first: its checks are disabled")
        with fleet.in_hand(one.id):
            retire.retire(platform, one)


def bring_back(platform: Platform, app: App, slots: Sequence[Slot]) -> None:
    """The release that served runs in these slots again."""
    current = platform.store.releases.current(app)
    if current is None:
        return
    try:
        wanted = [slot for slot in boot.wanted(platform, app, current) if slot in slots]
        for one in boot.start_all(platform, [boot.spec(platform, app, current, s) for s in wanted]):
            platform.engine.promote(one.id)
            if not fleet.add(platform, app, one):
                platform.engine.remove(one.id)
        route.publish(platform, app)
    except (PaasError, OSError):
        log.exception("%s of %s could not be brought back at once", slots, app.name)
