"""Crashes: how an end is remembered, and when a release that keeps ending is given up.

A release whose processes fail a few times soon after its switch is rolled back to the
last one that did not; one that came by such a rollback stays, whatever it does.
"""

from dataclasses import replace
from datetime import UTC, datetime

from paas.deploy import policies
from paas.deploy.boot import WEB
from paas.model.app import App
from paas.model.container import Container
from paas.model.process_state import ProcessState
from paas.model.release import Release
from paas.platform import Platform

STEADY_AFTER_S = 60.0
ROLLBACK_ATTEMPTS = 2  # the daemon may have been killed over the first


def remember(platform: Platform, app: App, container: Container) -> ProcessState:
    """Count an end; a container that ran long enough starts the count anew."""
    now = datetime.now(UTC)
    steady = container.age_s > STEADY_AFTER_S
    policy = policies.restart(platform, app, container.spec)

    def count(before: ProcessState) -> ProcessState:
        failures = 1 if steady else before.failures_in_a_row + 1
        again = policy.restarts(container.exit, failures)
        return replace(
            before,
            restarts=before.restarts + again,
            failures_in_a_row=failures,
            gave_up=not again,
            last_exit=container.exit or before.last_exit,
            last_exit_at=now,
            exit_release=container.spec.release,
            memory_bytes=container.spec.limits.memory_bytes,
        )

    spec = container.spec
    return platform.store.process_states.change(app, spec.process, spec.index, count)


def condemned(platform: Platform, app: App, container: Container) -> Release | None:
    """The release of a container that just failed, when that is one failure too many."""
    current = platform.store.releases.current(app)
    if current is None or not counts(platform, app, current, container):
        return None
    crashes = platform.store.releases.crashed(current)
    attempts = [one for one in platform.store.releases.list(app) if one.reverts == current.version]
    enough = crashes >= platform.settings.rollback_crashes
    if not enough or len(attempts) >= ROLLBACK_ATTEMPTS or last_healthy(platform, app) is None:
        return None
    return current


def counts(platform: Platform, app: App, current: Release, container: Container) -> bool:
    """Whether a failure speaks against the current release: one of its own, soon after its switch.

    A web process has no reason to end; others may end well.
    """
    window_s = policies.rollback_window_s(platform, app)
    if not window_s or current.served_at is None or current.reverts is not None:
        return False
    ended = container.exit
    ended_well = ended is not None and ended.code == 0 and container.spec.process != WEB
    age_s = (datetime.now(UTC) - current.served_at).total_seconds()
    soon = 0 <= age_s <= window_s  # less than nothing: the clock was set back since
    return container.spec.release == current.version and not ended_well and soon


def last_healthy(platform: Platform, app: App) -> Release | None:
    """The newest release before the current one that served without a crash at its start."""
    current = platform.store.releases.current(app)
    for earlier in platform.store.releases.list(app):  # newest first
        older = current is not None and earlier.version < current.version
        if older and earlier.status == "succeeded" and not earlier.crashes:
            return earlier
    return None
