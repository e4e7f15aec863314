"""Lifetime: how an app comes to be, gets another name, and ends; each whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager

from paas.console import Console, silent
from paas.deploy import boot, ending, fleet, moving, route
from paas.deploy.notes import noted
from paas.deploy.pipeline import attempt, operation
from paas.deploy.roll import roll
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.model.app import App
from paas.model.occasion import AppCreated, AppDeleted, AppDeleting, AppRenamed
from paas.platform import Platform


def create(platform: Platform, name: str, *, actor: str = "paas") -> App:
    """Make an app, its repository and its place in the proxy; all of it or nothing."""
    with silent() as console, platform.locks.hold(name, console, f"the making of {name}"):
        app = platform.store.apps.create(name)
        try:
            failpoint("create.app")
            platform.repositories.ensure(name)
            failpoint("create.repository")
            route.publish(platform, app)
        except BaseException:
            attempt(platform.proxy.withdraw, name)
            attempt(platform.repositories.remove, name)
            platform.store.apps.remove(app)
            raise
    platform.record(name, actor, "app", "Create")
    platform.plugins.happened(AppCreated(name), actor)
    return app


def rename(
    platform: Platform, name: str, new_name: str, console: Console, *, actor: str = "paas"
) -> None:
    """Give an app another name; its containers are restarted under it."""
    with (
        platform.pushes.hold(name, console, f"the rename of {name}"),
        operation(platform, name, console) as app,
        noted(platform, name, actor, "app", f"Rename to {new_name}"),
        free_name(platform, new_name, console),
    ):
        try:
            renamed = moving.begin(platform, app, new_name)
            moving.settle(platform, renamed)
            refresh(platform, renamed, console)
        except BaseException:
            attempt(moving.undo, platform, app)
            raise
        moving.end(platform, renamed)
    platform.plugins.happened(AppRenamed(name, new_name), actor, console)


def destroy(platform: Platform, name: str, console: Console, *, actor: str = "paas") -> None:
    """Remove an app and everything that was made for it; once begun, it is finished."""
    platform.plugins.allow(AppDeleting(name, "latest"), actor, console)
    with (
        platform.pushes.hold(name, console, f"the end of {name}"),
        operation(platform, name, console, ending_too=True) as app,
        noted(platform, name, actor, "app", "Destroy"),
    ):
        ending.begin(platform, app)
        ending.finish(platform, app)
        console.step(f"Destroyed {name}")
    platform.plugins.happened(AppDeleted(name, "latest"), actor, console)


# -- names --------------------------------------------------------------------------------


@contextmanager
def free_name(platform: Platform, name: str, console: Console) -> Iterator[None]:
    """A name that no app has, nor gets while the block runs, nor is looked after under."""
    refuse_taken(platform, name)
    with platform.locks.hold(name, console, f"another app named {name}"):
        refuse_taken(platform, name)
        yield


def refuse_taken(platform: Platform, name: str) -> None:
    if platform.store.apps.find(name) is not None:
        raise PaasError(f"App {name} exists already", "choose another name")


def finish_moves(platform: Platform) -> None:
    """What a daemon was killed over: for each app that is on its way to another name."""
    with platform.store.view():
        apps = platform.store.apps.list()
        moved = [app for app in apps if moving.old_name(platform, app) is not None]
    for app in moved:
        with silent() as console, operation(platform, app.name, console) as now:
            finish_move(platform, now, console)


def finish_move(platform: Platform, app: App, console: Console) -> None:
    """Under its lock: what goes by its name follows, and so do processes started as another."""
    if moving.old_name(platform, app) is not None:
        moving.settle(platform, app)
        if any(one.spec.app != app.name for one in fleet.in_service(platform, app)):
            refresh(platform, app, console)
        moving.end(platform, app)


def refresh(platform: Platform, app: App, console: Console) -> None:
    """New containers for all that run, as after a change of what they were given."""
    current = platform.store.releases.current(app)
    if current is not None:
        roll(platform, app, current, boot.wanted(platform, app, current), console)
