"""Cloning: another app like one that is here, with a repository and a place of its own.

It gets config, formation, limits, properties and what else an app was given; not its
domains and certificates, which lead to one app only. Layers are shared: the kernel shows
each app the same files under its own ids.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from paas.backup.adapting import PASSING
from paas.backup.descriptors import temporary
from paas.backup.restoring import turn_back
from paas.console import Console
from paas.deploy import arriving, hold, landing, letsencrypt, rise, route
from paas.deploy.notes import noted
from paas.deploy.pipeline import operation
from paas.failpoints import failpoint
from paas.git.packing import KEPT, Packing
from paas.model.app import App
from paas.model.release import Release
from paas.platform import Platform
from paas.store.intake import Intake, Row


def clone(
    platform: Platform, name: str, new_name: str, console: Console, actor: str, *, deploy: bool
) -> None:
    """Make an app like another; deploy: also run what that one runs. All of it or nothing."""
    with noted(platform, new_name, actor, "backup", f"Clone of {name}"):
        with operation(platform, name, console, "its cloning") as app:
            release = platform.store.releases.current(app) if deploy else None
            copied = copy(platform, app, release, new_name)
        route.publish(platform, copied)
        if release is not None:
            console.step(f"Deploying {new_name} with the image of {name} {release.name}")
            rise.rise(platform, new_name, console)


def copy(platform: Platform, app: App, release: Release | None, new_name: str) -> App:
    """Everything but running processes; the row's mark goes with the last of it."""
    tag = secrets.token_hex(6)
    new = arriving.reserve(platform, new_name, tag)
    try:
        failpoint("clone.reserved")
        copy_repository(platform, app, new, tag)
        failpoint("clone.repository")
        cloning = Cloning(app, release, platform.store.config.merged(app))
        with platform.store.together():
            platform.store.copy(Intake({app.id: new.id}, cloning.row))
            if release is not None:
                arriving.decided(platform, new, "")
            arriving.arrived(platform, new)
        failpoint("clone.copied")
    except BaseException:
        turn_back(platform, new, tag)
        raise
    return new


def copy_repository(platform: Platform, app: App, new: App, tag: str) -> None:
    """All refs, and the commit that is deployed."""
    packing = Packing(platform.settings, platform.runner)
    path = platform.repositories.ensure(app.name)
    move = landing.begun(platform, app)
    refs = packing.refs(path) | ({move.ref: move.commit} if move else {})
    current = platform.store.releases.current(app)
    if current is not None and current.image.commit:
        here = packing.present(path, [current.image.commit])
        lost = packing.unreachable(path, here, refs.values())
        refs |= {f"{KEPT}v1": commit for commit in lost}
    draft = platform.repositories.draft(new.name, tag)
    if refs:
        with temporary(platform.settings.state_dir) as bundle:
            packing.write(path, refs, bundle)
            packing.read(draft, bundle, packing.shallow(path))
    platform.repositories.adopt(draft, new.name)


@dataclass(frozen=True, slots=True)
class Cloning:
    """Makes an app's rows those of its clone. release: what the clone runs, as its v1."""

    app: App
    release: Release | None
    config: Mapping[str, str]

    def row(self, table: str, row: Row) -> Row | None:
        """A row as the clone shall have it; None: it has none like it."""
        adapt = ADAPTERS.get(table)
        return row if adapt is None else adapt(self, row)

    def itself(self, row: Row) -> Row:
        version = 0 if self.release is None else 1
        fresh = {"locked": False, "stopped": False, "last_version": version}
        return {**row, **fresh, "created_at": datetime.now(UTC)}

    def property(self, row: Row) -> Row | None:
        return (
            None
            if (row["namespace"], row["key"]) in {*PASSING, hold.HELD, letsencrypt.ACTIVE}
            else row
        )

    def domain_settings(self, row: Row) -> Row:
        return {**row, "defaults": True}

    def job(self, row: Row) -> Row:
        return {**row, "handled_until": datetime.now(UTC)}

    def its_release(self, row: Row) -> Row | None:
        if self.release is None or row["version"] != self.release.version:
            return None
        now = datetime.now(UTC)
        words = f"Clone of {self.app.name} {self.release.name}"
        times = {"created_at": now, "served_at": now}
        fresh = {"version": 1, "config": dict(self.config), "description": words, "crashes": 0}
        return {**row, **fresh, **times, "reverts": None}


def none(_cloning: Cloning, _row: Row) -> None:
    """A clone has nothing like it."""


ADAPTERS: Mapping[str, Callable[[Any, Row], Row | None]] = {
    "apps": Cloning.itself,
    "properties": Cloning.property,
    "domain_settings": Cloning.domain_settings,
    "releases": Cloning.its_release,
    "builds": none,
    "domains": none,
    "certificates": none,
    "redirects": none,
    "process_states": none,
    "jobs": Cloning.job,
    "job_runs": none,
}
