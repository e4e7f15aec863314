"""Earlier: the releases an app can go back to, and their config with them."""

from collections.abc import Mapping
from functools import partial

from paas.deploy.roll import Also
from paas.errors import PaasError
from paas.model.app import App
from paas.model.release import Release
from paas.platform import Platform


def target(platform: Platform, app: App, version: int | None) -> Release:
    """The wanted release, or the last one that worked before the current one."""
    current = platform.store.releases.current(app)
    if current is None:
        raise PaasError(f"{app.name} has no release yet", "deploy it first with git push")
    if version is not None:
        wanted = platform.store.releases.get(app, version)
        if wanted.status != "succeeded":
            raise PaasError(f"{wanted.name} never served", f"see paas releases:list {app.name}")
        return wanted
    for one in platform.store.releases.list(app):  # newest first
        if one.version < current.version and one.status == "succeeded":
            return one
    raise PaasError(f"{app.name} has no earlier release to go back to")


def with_config_of(platform: Platform, app: App, release: Release) -> Also:
    """With the switch the app's config is what a release ran with; global values stay global."""
    shared = platform.store.config.get(None)
    before = platform.store.config.get(app)
    wanted = {key: value for key, value in release.config.items() if shared.get(key) != value}
    return Also(
        partial(replace_config, platform, app, before, wanted),
        partial(replace_config, platform, app, wanted, before),
    )


def replace_config(
    platform: Platform, app: App, old: Mapping[str, str], new: Mapping[str, str]
) -> None:
    """The new config in place of the old; what somebody changed meanwhile stays as they have it."""
    now = platform.store.config.get(app)
    changed = {key for key in {*now, *old} if now.get(key) != old.get(key)}
    mine = {key: value for key, value in new.items() if key not in changed}
    theirs = {key: value for key, value in now.items() if key in changed}
    platform.store.config.replace(app, {**mine, **theirs})
