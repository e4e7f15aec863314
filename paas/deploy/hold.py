"""Hold: a paused app's requests wait in the proxy, until it is resumed or they waited enough."""

from datetime import UTC, datetime

from paas.console import Console
from paas.deploy import policies, route
from paas.deploy.notes import noted
from paas.deploy.pipeline import deployed, operation
from paas.errors import PaasError
from paas.platform import Platform

HELD = ("ps", "held")


def pause(platform: Platform, name: str, console: Console, *, actor: str = "paas") -> None:
    """Have new requests wait; those under way go on, and so does every process."""
    with operation(platform, name, console) as app, noted(platform, name, actor, "ps", "Pause"):
        deployed(platform, app)
        if app.stopped:
            raise PaasError(f"{name} is stopped: there is nothing to pause", "start it first")
        since = datetime.now(UTC).isoformat(timespec="seconds")
        route.change(platform, app, lambda: platform.store.properties.set(app, *HELD, since))
        wait_s = policies.hold_s(platform, app)
        platform.logs.append(name, f"Paused by {actor}: requests wait up to {wait_s:g} s")
        console.step(f"Requests for {name} wait, up to {wait_s:g} s each, until ps:resume")


def resume(platform: Platform, name: str, console: Console, *, actor: str = "paas") -> None:
    """Let the requests that wait go on, at once, and all later ones."""
    with operation(platform, name, console) as app, noted(platform, name, actor, "ps", "Resume"):
        if not policies.held(platform, app):
            console.step(f"{name} is not paused")
            return
        route.change(platform, app, lambda: platform.store.properties.set(app, *HELD, None))
        platform.logs.append(name, f"Resumed by {actor}")
        console.step(f"{name} is resumed")
