"""Retire: containers no longer in service finish what they are doing, then end."""

import logging
import threading
import time
from collections.abc import Sequence

from paas.deploy import fleet, policies
from paas.deploy.boot import WEB
from paas.failpoints import failpoint
from paas.model.container import Container
from paas.model.occasion import RetireFailed
from paas.platform import Platform

log = logging.getLogger(__name__)
LOOK_EVERY_S, AT_LAST_S = 0.1, 0.5  # long drains are looked at more seldom
# a request sent on its way just before the switch may still be about to connect
QUIET_S = 1.0


def later(platform: Platform, containers: Sequence[Container]) -> None:
    """Retire in the background, each container on its own."""
    for container in containers:
        if fleet.is_in_hand(container.id):
            continue
        thread = threading.Thread(
            target=safely, args=(platform, container), name=f"retire-{container.id}", daemon=True
        )
        thread.start()


def safely(platform: Platform, container: Container) -> None:
    try:
        with fleet.in_hand(container.id):
            retire(platform, container)
    except Exception:
        log.exception("could not retire %s of %s", container.id, container.spec.app)
        platform.plugins.happened(RetireFailed(container.spec.app), "paas")


def retire(platform: Platform, container: Container) -> None:
    """Drain (web only), SIGTERM, the grace period, SIGKILL; then free everything."""
    app = fleet.owner(platform, container)
    patience_s, grace_s = platform.settings.drain_s, platform.settings.stop_grace_s
    if app is not None:
        patience_s = policies.wait_to_retire_s(platform, app)
        grace_s = policies.stop_grace_s(platform, app, container.spec)
    failpoint("retire.begin")
    if container.spec.process == WEB:
        drain(platform, container, patience_s)
    failpoint("retire.drained")
    platform.engine.stop(container.id, grace_s)
    failpoint("retire.stopped")
    platform.engine.remove(container.id)


def drain(platform: Platform, container: Container, patience_s: float) -> None:
    """Wait until no connection has been there for a while, at most patience_s.

    The proxy closes its idle connections to a peer without requests after a few
    seconds, so what stays longer is a request, a stream or a websocket.
    """
    began = now = busy_at = time.monotonic()
    deadline = now + patience_s
    while now < min(deadline, busy_at + QUIET_S):
        time.sleep(min(AT_LAST_S, max(LOOK_EVERY_S, (now - began) / 10)))
        now = time.monotonic()
        found = platform.engine.get(container.id)
        if found is None or not found.running:
            return
        if platform.engine.connections(container.id):
            busy_at = now
