"""git: what a push does, what an app follows, and how its repository is."""

from datetime import UTC, datetime
from typing import Any

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import app_argument, format_option, one_of
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import incoming, policies, sync
from paas.deploy.images import elsewhere
from paas.errors import PaasError
from paas.git import pushes
from paas.model import address, cron, reference
from paas.model.app import App
from paas.model.names import branch_name, env_key
from paas.model.push import NOTHING

SHORT = 8


def repository_url(text: str) -> str:
    return address.repository(text).url


def hosts(text: str) -> str:
    """`none`, or hosts between commas."""
    if text == sync.NO_HOSTS:
        return text
    return ",".join(dict.fromkeys(address.host(one.strip()) for one in text.split(",")))


def image_reference(text: str) -> str:
    return str(reference.parse(text))


def values(context: Context, app: App | None) -> dict[str, str]:
    """What is known of an app's repository, beside its properties."""
    if app is None:
        return {}
    platform = context.platform
    branch = incoming.branch_of(platform, app) if platform.repositories.exists(app.name) else ""
    at = incoming.tip(platform, app, branch) if branch else NOTHING
    current = platform.store.releases.current(app)
    known = platform.store.properties.all(app, sync.NAMESPACE)
    return {
        "sha": "" if at == NOTHING else at[:SHORT],
        "deployed-sha": current.image.commit[:SHORT] if current else "",
        "last-updated-at": str(int(current.created_at.timestamp())) if current else "",
        "sync-at": known.get(sync.AT, ""),
        "sync-problem": known.get(sync.PROBLEM, ""),
    }


TRUTH = one_of("true", "false")
report.register(
    report.Namespace(
        "git",
        "git",
        "what a push does, and what an app follows",
        values,
        properties=(
            report.Property(
                "deploy-branch",
                "the branch that deploys; unset: main and master",
                branch_name,
                lambda _: "main or master",
            ),
            report.Property(
                "queue",
                "pushes that wait for another one: replace, a newer takes an older one's place; "
                "wait, all run",
                one_of("replace", "wait"),
                lambda _: "replace",
            ),
            report.Property(
                "keep-git-dir",
                "whether builds find the repository in .git, true or false",
                TRUTH,
                lambda _: "false",
            ),
            report.Property(
                "rev-env-var",
                "the variable that tells an app its commit; without a value none does",
                env_key,
                lambda _: policies.REVISION,
                shown=lambda _, text: "" if text == policies.NO_VARIABLE else text,
                empty=policies.NO_VARIABLE,
            ),
            report.Property(
                elsewhere.SOURCE[1],
                "the image that ps:rebuild deploys again, in place of a commit",
                image_reference,
                has_global=False,
            ),
            report.Property(
                sync.URL,
                "the repository that the app follows; unset: none",
                repository_url,
                has_global=False,
            ),
            report.Property(
                sync.REF,
                "the branch, tag or commit of it; unset: its own default",
                address.ref,
                has_global=False,
            ),
            report.Property(
                sync.EVERY,
                'how often it is fetched and deployed: 15m, 6h, 1d, or a time such as "0 3 * * *"',
                cron.repeating,
            ),
            report.Property(
                sync.SUBMODULE_HOSTS,
                "other hosts that submodules may come from, between commas, with our logins "
                "there; none; unset: any, without a login",
                hosts,
                lambda _: "any",
            ),
        ),
    )
)


@command("git:initialize", Permission.WRITE)
@app_argument
def initialize(context: Context, app: App) -> None:
    """Make an app's repository, if it has none; pushes and apps:create do so as well."""
    path = context.platform.repositories.exists(app.name)
    context.platform.repositories.ensure(app.name)
    context.console.step(
        f"{app.name} has a repository already" if path else f"Made the repository of {app.name}"
    )


@command("git:status", Permission.READ)
@app_argument
@format_option
def status(context: Context, app: App, format_: str) -> None:
    """Show an app's branches, which one deploys, what serves, and what the app follows."""
    found = state(context, app)
    if format_ == "json":
        context.console.json(found)
        return
    console = context.console
    console.heading(f"{app.name} git status")
    for branch, commit in found["branches"].items():
        notes = [
            *(["deploys"] if branch in found["deploy_branches"] else []),
            *(["serves"] if commit == found["deployed"] else []),
        ]
        console.item(f"{branch} {commit[:SHORT]}{' ' * bool(notes)}{', '.join(notes)}")
    if not found["branches"]:
        console.detail("nothing was pushed yet")
    if found["shallow"]:
        console.item("shallow: its history begins where the clone did that was pushed")
    for label, key in (("follows", "follows"), ("fetched", "synced_at"), ("failed", "problem")):
        if found[key]:
            console.item(f"{label}: {found[key]}")
    for label in found["under_way"]:
        console.item(f"under way: {label}")


def state(context: Context, app: App) -> dict[str, Any]:
    platform = context.platform
    current = platform.store.releases.current(app)
    known = platform.store.properties.all(app, sync.NAMESPACE)
    what = sync.followed(platform, app)
    exists = platform.repositories.exists(app.name)
    return {
        "branches": platform.repositories.branches(app.name) if exists else {},
        "deploy_branches": list(policies.deploy_branches(platform, app)),
        "deployed": current.image.commit if current else "",
        "shallow": exists and bool(sync.shallow(platform, app)),
        "follows": what.words if what else "",
        "synced_at": known.get(sync.AT, ""),
        "problem": known.get(sync.PROBLEM, ""),
        "under_way": platform.pushes.waiting(app.name),
        "as_of": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@command("git:unlock", Permission.WRITE)
@app_argument
def unlock(context: Context, app: App) -> None:
    """End the pushes and deploys of an app that are under way; with --force alone.

    No lock outlives its deploy here, so this is for a deploy that does not come to its end.
    """
    waiting = context.platform.pushes.waiting(app.name)
    if not waiting and not pushes.under_way(app.name):
        context.console.step(f"Nothing of {app.name} is under way")
        return
    if not context.force:
        raise PaasError(
            f"{app.name} is busy: {', '.join(waiting) or 'somebody pushes'}",
            f"wait for it, or end it: paas git:unlock {app.name} --force",
        )
    ended = pushes.cancel(app.name)
    context.record("git", f"End what is under way: {', '.join(ended) or 'nothing'}", app)
    context.console.step(f"Ended {len(ended)} of {app.name}")
