"""Substitute: a process that runs and is not well gives way to a new one, as at a restart."""

from dataclasses import replace

from paas.console import silent
from paas.deploy import boot, crashes, fleet, policies, roll
from paas.deploy.notes import noted
from paas.deploy.pipeline import deployed, operation
from paas.model.app import App
from paas.model.container import Container
from paas.model.process_state import ProcessState
from paas.platform import Platform

ACTOR = "paas"


def substitute(platform: Platform, container: Container, words: str) -> None:
    """Put a new container in the place of one in service; words say what is wrong with it.

    Raises PaasError, with the old one serving on, when the new one is not healthy either.
    """
    owner = fleet.owner(platform, container)
    if owner is None:
        return
    name = container.spec.hostname
    with silent() as console, operation(platform, owner.name, console) as app:
        if container.id not in fleet.ids(platform, app):
            return  # somebody replaced it while this waited
        before = platform.store.process_states.get(
            app, container.spec.process, container.spec.index
        )
        policy = policies.restart(platform, app, container.spec)
        if not policy.restarts(None, before.failures_in_a_row + 1):
            platform.logs.append(app.name, f"{name} {words}; it stays, as the restart policy says")
            return
        platform.logs.append(app.name, f"{name} {words}; replacing it")
        with noted(platform, app.name, ACTOR, "restart", f"{name} {words}: replaced"):
            current = deployed(platform, app)
            roll.roll(platform, app, current, [boot.place(container)], console)
        count(platform, app, container, before)


def count(platform: Platform, app: App, container: Container, before: ProcessState) -> None:
    """A replacement counts as a restart, and in a row with those that came soon before it."""
    soon = container.age_s <= crashes.STEADY_AFTER_S
    failures = before.failures_in_a_row + 1 if soon else 1
    platform.store.process_states.change(
        app,
        container.spec.process,
        container.spec.index,
        lambda now: replace(now, restarts=before.restarts + 1, failures_in_a_row=failures),
    )
