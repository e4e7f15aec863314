"""Receive: which of the pushed refs deploy, which are only kept, which are refused."""

from collections.abc import Mapping, Sequence

from paas.console import Console
from paas.deploy import lifetime, policies, queue, room
from paas.errors import AppNotFound, PaasError
from paas.failpoints import failpoint
from paas.git import pushes
from paas.model.names import app_name, branch_name
from paas.model.occasion import BranchReceived
from paas.model.push import NOTHING, Update
from paas.platform import Platform


def prepare_push(platform: Platform, name: str, actor: str) -> None:
    """Make the app and its repository when this is its first push; refuse when it is locked."""
    app = platform.store.apps.find(app_name(name))
    room.admit(platform, name, f"a push to {name}")
    if app is None:
        if platform.store.properties.get(None, "apps", "disable-autocreation") == "true":
            raise AppNotFound(name, f"pushes make no apps here: paas apps:create {name}")
        app = lifetime.create(platform, name, actor=actor)
        platform.logs.append(name, f"Created by the first push of {actor}")
    if app.locked:
        raise PaasError(f"{name} is locked: deploys are refused", f"paas apps:unlock {name}")
    platform.repositories.ensure(app.name)


def pre_receive(
    platform: Platform, lines: Sequence[str], environment: Mapping[str, str], console: Console
) -> int:
    """Judge a push and deploy what deploys; 0 lets git move the refs.

    lines are pre-receive's `old new ref`; environment carries git's quarantine and
    the token of the push the SSH door registered.
    """
    registered = pushes.find(environment.get("PAAS_PUSH", ""))
    registered.on_cancel(console.cancel)
    failpoint("receive.begin")
    updates = [Update(*line.split(" ", 2)) for line in lines if line.strip()]
    for update in updates:
        judge(update)
    for update in updates:
        received = BranchReceived(registered.app, update.new, update.ref)
        platform.plugins.allow(received, registered.actor, console)
    deploying = [update for update in updates if deploys(platform, registered.app, update.branch)]
    if len(deploying) > 1:
        names = " and ".join(update.branch for update in deploying)
        raise PaasError(f"{names} both deploy", "push one of them at a time")
    for update in updates:
        if update not in deploying:
            say_stored(platform, registered.app, update.branch, console)
    for update in deploying:
        queue.deploy_in_turn(platform, registered, update, quarantine(environment), console)
    failpoint("receive.end")
    return 0


def judge(update: Update) -> None:
    """Raise PaasError for tags, deletes and anything that is not a branch."""
    if update.new == NOTHING:
        raise PaasError(
            f"deleting {update.ref} is refused",
            "an app's history is kept; apps:destroy removes all of it",
        )
    if update.ref.startswith("refs/tags/"):
        raise PaasError("tags are not deployed", "push the branch alone: git push <remote> main")
    if not update.ref.startswith("refs/heads/"):
        raise PaasError(
            f"{update.ref[:80]} is not a branch", "push a branch: git push <remote> main"
        )
    branch_name(update.branch)


def deploy_branches(platform: Platform, name: str) -> tuple[str, ...]:
    """The branches that deploy."""
    return policies.deploy_branches(platform, platform.store.apps.get(name))


def deploys(platform: Platform, app: str, branch: str) -> bool:
    """Whether a push to this branch deploys."""
    return branch in deploy_branches(platform, app)


def say_stored(platform: Platform, app: str, branch: str, console: Console) -> None:
    """Tell that a branch was kept but not deployed, and how to change that."""
    wanted = " or ".join(deploy_branches(platform, app))
    console.warn(f"{branch} was stored but not deployed: {app} deploys from {wanted}")
    console.warn(f"to deploy it: git push <remote> {branch}:{wanted.split()[0]}")
    console.warn(f"to deploy from it always: paas git:set {app} deploy-branch {branch}")


def quarantine(environment: Mapping[str, str]) -> dict[str, str]:
    """Only git's own variables: without them nobody sees the pushed objects yet."""
    return {key: value for key, value in environment.items() if key.startswith("GIT_")}
