"""domains: which names lead to an app. A change is routed at once, without a deploy."""

from collections.abc import Callable, Sequence

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import DOMAIN, app_argument
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import route
from paas.errors import UsageError
from paas.model.app import App
from paas.store.domains import Domains

names_argument = click.argument("names", type=DOMAIN, nargs=-1, required=True, metavar="DOMAIN...")
Change = Callable[[Domains, App | None, Sequence[str]], None]


def make(verb: str, words: str, done: str, change: Change) -> None:
    """`domains:<verb>` and `domains:<verb>-global`."""

    @app_argument
    @names_argument
    def of_app(context: Context, app: App, names: Sequence[str]) -> None:
        apply(context, app, lambda: change(context.platform.store.domains, app, names))
        context.record("domains", f"{done} {', '.join(names)}", app)
        context.console.step(f"{done} {', '.join(names)} for {app.name}")

    @names_argument
    def of_instance(context: Context, names: Sequence[str]) -> None:
        refuse_wildcards(names)
        change(context.platform.store.domains, None, names)
        publish_all(context)
        context.record("domains", f"{done} {', '.join(names)} globally")
        context.console.step(f"{done} {', '.join(names)} globally")

    of_app.__doc__ = f"{words} of an app, all or none."
    of_instance.__doc__ = f"{words} under which every app is found."
    command(f"domains:{verb}", Permission.WRITE)(of_app)
    command(f"domains:{verb}-global", Permission.ADMIN)(of_instance)


make("add", "Add domains", "Added", Domains.add)
make("remove", "Remove domains", "Removed", Domains.remove)
make("set", "Set the domains", "Set", Domains.set)


@command("domains:clear", Permission.WRITE)
@app_argument
def clear(context: Context, app: App) -> None:
    """Take every domain of an app away, its default one too; it answers on none."""
    apply(context, app, lambda: context.platform.store.domains.clear(app))
    context.record("domains", "Cleared", app)
    context.console.step(f"Cleared domains of {app.name}")


@command("domains:clear-global", Permission.ADMIN)
def clear_global(context: Context) -> None:
    """Forget the global domains; apps are found under the instance's own again."""
    context.platform.store.domains.clear(None)
    publish_all(context)
    context.record("domains", "Cleared globally")
    context.console.step("Cleared global domains")


@command("domains:reset", Permission.WRITE)
@app_argument
def reset(context: Context, app: App) -> None:
    """Give an app its default domains back, and no others."""
    apply(context, app, lambda: context.platform.store.domains.reset(app))
    context.record("domains", "Reset", app)
    context.console.step(f"Reset domains of {app.name}")


@command("domains:enable", Permission.WRITE)
@app_argument
def enable(context: Context, app: App) -> None:
    """Let an app answer on its domains again."""
    apply(context, app, lambda: context.platform.store.domains.enable(app, True))
    context.record("domains", "Enabled", app)
    context.console.step(f"Enabled domains of {app.name}")


@command("domains:disable", Permission.WRITE)
@app_argument
def disable(context: Context, app: App) -> None:
    """Let an app answer on no domain; they are kept for when it is enabled again."""
    apply(context, app, lambda: context.platform.store.domains.enable(app, False))
    context.record("domains", "Disabled", app)
    context.console.step(f"Disabled domains of {app.name}")


def apply(context: Context, app: App, alter: Callable[[], None]) -> None:
    """Change an app's domains and its route, both or neither."""
    route.change(context.platform, app, alter)


def refuse_wildcards(names: Sequence[str]) -> None:
    for name in names:
        if name.startswith("*."):
            raise UsageError(f"{name} cannot be global: apps are found at <app>.<global domain>")


def publish_all(context: Context) -> None:
    for app in context.platform.store.apps.list():
        route.publish(context.platform, app)


def values(context: Context, app: App | None) -> dict[str, str]:
    """As dokku: several domains are separated by spaces."""
    domains = context.platform.store.domains
    suffixes = domains.suffixes()
    shared = {"global-enabled": "true", "global-vhosts": " ".join(suffixes)}
    if app is None:
        return shared
    mine = {
        "app-enabled": str(domains.enabled(app)).lower(),
        "app-vhosts": " ".join(domains.effective(app)),
    }
    return {**mine, **shared}


report.register(report.Namespace("domains", "domains", "which domains lead where", values))
