"""Queue: one push of an app at a time, from its deploy to the moved branch.

Later ones wait, or take the place of one that waits, and are told where they stand. A
branch that moved while a push waited is no reason to refuse what builds on it.
"""

from paas.console import Console
from paas.deploy import builds, landing, pipeline, policies
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.git.pushes import Registered
from paas.model.app import App
from paas.model.build import BuildKind
from paas.model.push import NOTHING, Push, Update
from paas.platform import Platform
from paas.turns import Replaced


def deploy_in_turn(
    platform: Platform,
    registered: Registered,
    update: Update,
    environment: dict[str, str],
    console: Console,
) -> None:
    """Deploy a push once it is its turn, and have git find the branch as the pusher saw it."""
    name, actor = registered.app, registered.actor
    with builds.recorded(platform, name, console, BuildKind.BUILD, actor, update.new):
        deploy(platform, registered, update, environment, console)


def deploy(
    platform: Platform,
    registered: Registered,
    update: Update,
    environment: dict[str, str],
    console: Console,
) -> None:
    """Wait, deploy, and see to the branch."""
    name, actor = registered.app, registered.actor
    app = wait_for_turn(platform, registered, update, console)
    at = branch_now(platform, name, update, environment)
    push = Push(name, update.branch, update.old, update.new, environment)
    pipeline.push(platform, push, console, actor)
    failpoint("landing.switched")
    if at != update.old:
        # git moves the branch from where it was when the push began, and from nowhere else
        back = None if update.old == NOTHING else update.old
        platform.repositories.move(name, update.branch, back, at)
        failpoint("landing.back")
    if registered.over:  # git was ended with its client, and moves nothing any more
        landing.settle(platform, app)


def wait_for_turn(
    platform: Platform, registered: Registered, update: Update, console: Console
) -> App:
    """The app, when no other push of it is under way; the turn lasts until git is done."""
    app = platform.store.apps.get(registered.app)
    label = f"the push of {update.new[:8]} by {registered.actor}"
    replace = True if policies.replaces(platform, app) else None
    try:
        registered.keep(platform.pushes.hold(app.name, console, label, replace=replace))
    except Replaced as error:
        platform.record(app.name, registered.actor, "push", error.message, "failed")
        raise
    registered.keep(landing.settled(platform, app))
    return app


def branch_now(platform: Platform, name: str, update: Update, environment: dict[str, str]) -> str:
    """Where the branch is by now; PaasError when the push would undo what came meanwhile.

    A push that left out what it saw in the branch was forced, and may.
    """
    at = platform.repositories.branches(name).get(update.branch, NOTHING)
    if at in (update.old, NOTHING):
        return at
    contains = platform.repositories.contains
    forced = update.old != NOTHING and not contains(name, update.new, update.old, environment)
    if not forced and not contains(name, update.new, at, environment):
        raise PaasError(
            f"{update.branch} moved to {at[:8]} while this push waited, "
            f"and {update.new[:8]} does not build on that",
            "git pull, then push again",
        )
    return at
