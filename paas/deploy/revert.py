"""Revert: a release that crashes right after its switch gives way to the last healthy one."""

from paas.console import Console, silent
from paas.deploy import builds, crashes, earlier
from paas.deploy.notes import noted
from paas.deploy.pipeline import cut, operation, tail
from paas.model.app import App
from paas.model.build import BuildKind
from paas.model.release import Release
from paas.platform import Platform

ACTOR = "paas"


def revert(platform: Platform, name: str, version: int) -> Release | None:
    """Replace the release of that version; None when it is not the current one any more.

    The new release is never reverted itself.
    """
    with silent() as console, operation(platform, name, console) as app:
        crashed = platform.store.releases.current(app)
        target = crashes.last_healthy(platform, app)
        if crashed is None or crashed.version != version or target is None:
            return None
        why = f"{crashed.name} crashed {crashed.crashes} times soon after its switch"
        platform.logs.append(name, f"{why}: rolling back to {target.name}")
        with (
            builds.recorded(platform, name, console, BuildKind.DEPLOY, ACTOR),
            noted(platform, name, ACTOR, "rollback", f"{why}: back to {target.name}", begun=True),
        ):
            return go_back(platform, app, crashed, target, console)


def go_back(
    platform: Platform, app: App, crashed: Release, target: Release, console: Console
) -> Release:
    """A release of the target's image and config in the place of the crashed one."""
    words = f"Rollback to {target.name}: {crashed.name} crashed {crashed.crashes} times"
    new = cut(
        platform, app, target.image, target.config, words, ACTOR, console, reverts=crashed.version
    )
    try:
        tail(platform, app, new, console, earlier.with_config_of(platform, app, target))
    except BaseException:
        platform.logs.append(app.name, f"Rolling back to {target.name} failed")
        raise
    platform.store.releases.fail(crashed)
    return new
