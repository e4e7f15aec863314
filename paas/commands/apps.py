"""apps: making, listing, renaming, locking and destroying them."""

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import NEW_APP, app_argument, format_option, one_of
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import fleet, lifetime
from paas.model import moments
from paas.model.app import App


@command("apps:create", Permission.WRITE)
@click.argument("name", type=NEW_APP)
def create(context: Context, name: str) -> None:
    """Make an app; a first push makes it as well."""
    platform = context.platform
    lifetime.create(platform, name, actor=context.caller.name)
    context.console.step(f"Creating {name}... done")


@command("apps:list", Permission.READ)
@format_option
def list_apps(context: Context, format_: str) -> None:
    """List every app."""
    names = [app.name for app in context.apps()]
    if format_ == "json":
        context.console.json(names)
        return
    context.console.heading("My Apps")
    if names:
        context.console.line("\n".join(names))


@command("apps:exists", Permission.READ)
@app_argument
def exists(context: Context, app: App) -> None:
    """Tell whether an app exists: exit 0 when it does, 20 when it does not."""
    context.console.heading(f"App {app.name} exists")


@command("apps:rename", Permission.WRITE)
@app_argument
@click.argument("new_name", type=NEW_APP)
@click.option("--skip-deploy", is_flag=True, expose_value=False,
              help="Taken for dokku's sake: a rename builds and deploys nothing.")  # fmt: skip
def rename(context: Context, app: App, new_name: str) -> None:
    """Give an app another name; its processes are restarted under it, and no request is lost."""
    lifetime.rename(
        context.platform, app.name, new_name, context.console, actor=context.caller.name
    )
    context.console.step(f"Renaming {app.name} to {new_name}... done")


@command("apps:lock", Permission.WRITE)
@app_argument
def lock(context: Context, app: App) -> None:
    """Refuse deploys of an app until it is unlocked."""
    context.platform.store.apps.lock(app, True)
    context.record("app", "Lock", app)
    context.console.step(f"Deploys of {app.name} are refused from now on")


@command("apps:unlock", Permission.WRITE)
@app_argument
def unlock(context: Context, app: App) -> None:
    """Take deploys of an app again."""
    context.platform.store.apps.lock(app, False)
    context.record("app", "Unlock", app)
    context.console.step(f"Deploys of {app.name} are taken again")


@command("apps:locked", Permission.READ)
@app_argument
def locked(context: Context, app: App) -> int:
    """Tell whether an app is locked: exit 0 when it is, 1 when it is not."""
    if app.locked:
        context.console.heading(f"{app.name} is locked")
        return 0
    context.console.warn(f"{app.name} is not locked")
    return 1


@command("apps:destroy", Permission.WRITE)
@app_argument
def destroy(context: Context, app: App) -> None:
    """Remove an app and everything that was made for it; asks for its name, or takes --force."""
    context.confirm(
        app.name, f"This command will destroy {app.name}: its releases, config, domains and logs."
    )
    lifetime.destroy(context.platform, app.name, context.console, actor=context.caller.name)


def values(context: Context, app: App | None) -> dict[str, str]:
    """What apps:report shows; the instance has nothing of it."""
    if app is None:
        return {}
    platform = context.platform
    release = platform.store.releases.current(app)
    containers = fleet.in_service(platform, app)
    return {
        "created-at": moments.iso(app.created_at),
        "deploy-source": "git" if release else "",
        "deploy-source-metadata": release.image.commit if release else "",
        "dir": str(platform.repositories.path(app.name)),
        "locked": str(app.locked).lower(),
        "release": release.name if release else "",
        "running": str(any(one.running for one in containers)).lower(),
    }


report.register(
    report.Namespace(
        "apps",
        "app",
        "when apps were made and what they run",
        values,
        properties=(
            report.Property(
                "disable-autocreation",
                "true: a push to an app that is not there is refused, and makes none",
                one_of("true", "false"),
                lambda _: "false",
                has_app=False,
            ),
        ),
        set_permission=Permission.ADMIN,
    )
)
