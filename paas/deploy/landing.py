"""Landing: a branch gets to where its deploy brought it, whoever ends in between.

git moves the branch after the hook has said yes, which is after the switch. So what is
pushed is in the repository before the switch, and that the branch is to be moved is noted
with it: when git or the daemon ends too early, the push itself, the next start or the
patrol makes up for it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from paas.deploy import policies
from paas.deploy.roll import ALONE, Also
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.model.app import App
from paas.model.push import NOTHING, Landing, Push
from paas.platform import Platform
from paas.store.copies import REALIGN

log = logging.getLogger(__name__)

MARK = ("git", "landing")


def of(platform: Platform, app: App, push: Push) -> Also:
    """With the switch to a push's release it is settled that the branch will be at its commit."""
    move = Landing(push.branch, push.new)

    def change() -> None:
        failpoint("landing.keep")
        platform.repositories.keep(push.app, push.environment)
        platform.store.properties.set(app, *MARK, move.encode())

    def undo() -> None:
        platform.store.properties.set(app, *MARK, None)

    return Also(change, undo) if push.moves else ALONE


def begun(platform: Platform, app: App) -> Landing | None:
    """The move of a branch that is still to be made, if there is one."""
    text = platform.store.properties.get(app, *MARK)
    return Landing.decode(text) if text else None


def settle(platform: Platform, app: App) -> None:
    """Move the branch where that is still to be done; nobody pushes to the app. Repeatable."""
    move = begun(platform, app)
    if move is None:
        return
    make(platform, app, move.branch, move.commit)
    platform.store.properties.set(app, *MARK, None)


def make(platform: Platform, app: App, branch: str, commit: str) -> None:
    """Have the branch at the commit."""
    if platform.repositories.is_at(app.name, branch, commit):
        return
    at = platform.repositories.branches(app.name).get(branch, NOTHING)
    if at != commit:
        platform.repositories.move(app.name, branch, commit, at)
        log.info("moved %s of %s to %s, which is deployed", branch, app.name, commit[:8])


@contextmanager
def settled(platform: Platform, app: App) -> Iterator[None]:
    """Settle when the block is left; what cannot be now, the patrol does later."""
    try:
        yield
    finally:
        try:
            settle(platform, app)
        except (PaasError, OSError):
            log.exception("the branch of %s stays behind for now", app.name)


def realign(platform: Platform) -> None:
    """After an older copy of the database was put back: branches are where its releases are from.

    What was pushed since can be pushed again.
    """
    if platform.store.properties.get(None, *REALIGN) is None:
        return
    for app in platform.store.apps.list():
        try:
            put_back(platform, app)
        except (PaasError, OSError):
            log.exception("the branch of %s stays ahead of what is deployed", app.name)
    platform.store.properties.set(None, *REALIGN, None)


def put_back(platform: Platform, app: App) -> None:
    """Take an app's branches back to the newest commit that was deployed."""
    every = platform.store.releases.list(app)  # newest first
    served = (one for one in every if one.status == "succeeded" and one.image.commit)
    commit = next((one.image.commit for one in served if one.description.startswith("Deploy")), "")
    repositories, wanted = platform.repositories, policies.deploy_branches(platform, app)
    for branch, at in repositories.branches(app.name).items():
        ahead = branch in wanted and commit not in ("", at)
        if ahead and repositories.contains(app.name, at, commit, {}):
            repositories.move(app.name, branch, commit, at)
