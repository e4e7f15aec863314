"""maintenance: a page in place of an app, while somebody works on it."""

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import app_argument
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import front, route
from paas.errors import PaasError, UsageError
from paas.model import maintenance
from paas.model.app import App


def change(context: Context, app: App, value: str | None) -> None:
    platform = context.platform
    set_ = platform.store.properties.set
    route.change(platform, app, lambda: set_(app, *front.MAINTAINED, value))


@command("maintenance:enable", Permission.WRITE)
@app_argument
def enable(context: Context, app: App) -> None:
    """Show a page in place of an app, with status 503; its processes go on."""
    context.console.step(f"Enabling maintenance mode for {app.name}...")
    change(context, app, "true")
    context.record("maintenance", "Enabled", app)
    context.console.detail("done")


@command("maintenance:disable", Permission.WRITE)
@app_argument
def disable(context: Context, app: App) -> None:
    """Let requests reach the app again."""
    context.console.step(f"Disabling maintenance mode for {app.name}...")
    change(context, app, None)
    context.record("maintenance", "Disabled", app)
    context.console.detail("done")


@command("maintenance:custom-page", Permission.WRITE)
@app_argument
def custom_page(context: Context, app: App) -> None:
    """Show an app's own page: a tar archive on standard input with maintenance.html in it.

    Pictures and styles beside it are asked for by absolute paths, such as /image.jpg.
    """
    data = context.console.read_all(maintenance.MOST_BYTES * 2)
    if not data:
        raise UsageError(
            "there is no archive on standard input",
            f"tar c maintenance.html | paas maintenance:custom-page {app.name}",
        )
    files = maintenance.files_of(data)
    context.console.step("Importing custom maintenance page...")
    platform = context.platform
    route.change(platform, app, lambda: platform.store.pages.set(app, files))
    context.record("maintenance", f"Page of {len(files)} files", app)
    for name in files:
        context.console.line(name)
    context.console.detail("done")


@command("maintenance:custom-page-remove", Permission.WRITE)
@app_argument
def remove(context: Context, app: App) -> None:
    """Show the platform's page again."""
    platform = context.platform
    if not platform.store.pages.digest(app):
        raise PaasError(f"{app.name} has no page of its own")
    route.change(platform, app, lambda: platform.store.pages.set(app, None))
    context.record("maintenance", "Page removed", app)
    context.console.step(f"Removed the maintenance page of {app.name}")


def values(context: Context, app: App | None) -> dict[str, str]:
    if app is None:
        return {}
    platform = context.platform
    return {
        "enabled": str(front.is_maintained(platform, app)).lower(),
        "custom-page": str(bool(platform.store.pages.digest(app))).lower(),
    }


report.register(
    report.Namespace("maintenance", "maintenance", "whether an app is worked on", values)
)
