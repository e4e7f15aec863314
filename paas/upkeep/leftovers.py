"""Old build logs, and what should have gone long ago: networks and directories of nobody.

Touches: <state_dir>/builds, <run_dir>/builds; the rest through the rooms that own it.
"""

import re
from datetime import UTC, datetime, timedelta

from paas.deploy import builds, patrol, policies, workshop
from paas.model.app import App
from paas.upkeep.caches import listing
from paas.upkeep.round import Round

LOG = re.compile(r"[0-9a-z]{14}\.log|[0-9]{8}T[0-9]{6}\.[0-9]{6}Z\.log")
WORKPLACE = re.compile(r".+\.[0-9a-f]{8}")


def build_logs(round_: Round) -> None:
    """Builds beyond the number kept and those too old, but never an app's newest one."""
    for app in round_.apps():
        with round_.undisturbed(app) as mine:
            if mine is not None:
                old_logs(round_, mine)


def old_logs(round_: Round, app: App) -> None:
    platform = round_.platform
    before = datetime.now(UTC) - timedelta(seconds=platform.settings.build_logs_s)
    kept = policies.builds_kept(platform, app)
    surplus = platform.store.builds.surplus(app, kept, before)
    known = {one.id for one in platform.store.builds.list(app)}
    for path in listing(platform.settings.state_dir / "builds" / app.name):
        if LOG.fullmatch(path.name) and (path.stem in surplus or path.stem not in known):
            round_.delete("build-log", path, app=app.name)
    if not round_.wish.dry:
        builds.forget(platform, app, surplus)


def workshops(round_: Round) -> None:
    """Directories of builds that are over."""
    if round_.wish.only is None:
        for path in listing(round_.platform.settings.run_dir / "builds"):
            if WORKPLACE.fullmatch(path.name) and not workshop.is_under_way(path):
                round_.delete("leftover", path)


def strays(round_: Round) -> None:
    """Containers of nobody and what is left of ended ones, their scratch space included."""
    if not round_.wish.dry and round_.wish.only is None:
        for words in patrol.remove_strays(round_.platform):
            round_.note("leftover", words)


def networks(round_: Round) -> None:
    """Networks of apps that are gone."""
    if round_.wish.only is not None:
        return
    found = round_.platform.networks.slots()  # before the apps: an app is there before its network
    store = round_.platform.store
    used = {app.slot for app in store.apps.list()} | {one.slot for one in store.networks.list()}
    for slot in sorted(found - used):
        if round_.wish.dry or round_.platform.networks.remove_idle(slot):
            round_.note("network", round_.platform.settings.bridge(slot))
