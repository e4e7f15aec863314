"""Moving: what goes by an app's name follows it to a new one, or back.

The old name is kept in the database until all is done: a daemon that finds it there
finishes the move. Every step may be repeated.
"""

from pathlib import Path

from paas.deploy import route
from paas.failpoints import failpoint
from paas.model.app import App
from paas.platform import Platform

MARK = ("apps", "renamed-from")


def begin(platform: Platform, app: App, new_name: str) -> App:
    """The app under its new name, in the database alone so far."""
    with platform.store.together():
        renamed = platform.store.apps.rename(app, new_name)
        platform.store.properties.set(renamed, *MARK, app.name)
    return renamed


def old_name(platform: Platform, app: App) -> str | None:
    """The name an app is on its way from; None when it is not on its way."""
    return platform.store.properties.get(app, *MARK)


def settle(platform: Platform, app: App) -> None:
    """Have repository, logs and route follow the app; its containers serve meanwhile."""
    old = old_name(platform, app)
    if old is None:
        return
    failpoint("moving.begin")
    if platform.repositories.path(old).exists():
        platform.repositories.rename(old, app.name)
    failpoint("moving.repository")
    platform.logs.rename(old, app.name)
    builds = platform.settings.state_dir / "builds"
    carry(builds / old, builds / app.name)
    failpoint("moving.logs")
    platform.proxy.move(old, route.current(platform, app))
    failpoint("moving.route")


def carry(old: Path, new: Path) -> None:
    """Move a directory's files to another one. Idempotent."""
    if old.is_dir():
        new.mkdir(mode=0o700, exist_ok=True)
        for path in old.iterdir():
            path.rename(new / path.name)
        old.rmdir()


def end(platform: Platform, app: App) -> None:
    """All is done."""
    platform.store.properties.set(app, *MARK, None)


def undo(platform: Platform, app: App) -> None:
    """Back to the name the app had, if it has another one by now."""
    for now in platform.store.apps.list():
        if now.id == app.id and now.name != app.name:
            back = begin(platform, now, app.name)
            settle(platform, back)
            end(platform, back)
