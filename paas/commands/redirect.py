"""redirect: names that lead to another name instead of to an app."""

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import DOMAIN, app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import route
from paas.errors import PaasError, UsageError
from paas.model.app import App
from paas.model.route import CODES, Redirect


@command("redirect:list", Permission.READ)
@app_argument
@format_option
def list_redirects(context: Context, app: App, format_: str) -> None:
    """List the names of an app that send on to others."""
    found = context.platform.store.redirects.list(app)
    if format_ == "json":
        context.console.json(
            [
                {"source": one.source, "destination": one.destination, "code": one.code}
                for one in found
            ]
        )
        return
    context.console.table(
        ("SOURCE", "DESTINATION", "CODE"),
        [(one.source, one.destination, str(one.code)) for one in found],
    )


@command("redirect:set", Permission.WRITE)
@app_argument
@click.argument("source", type=DOMAIN)
@click.argument("destination", type=DOMAIN)
@click.option(
    "--code",
    type=click.Choice([str(one) for one in CODES]),
    default="301",
    help="The status; default 301.",
)
def set_redirect(context: Context, app: App, source: str, destination: str, code: str) -> None:
    """Send every request for one name on to another, with its path; by HTTPS where that has it."""
    check(context, app, source, destination)
    made = Redirect(source, destination, int(code))
    store = context.platform.store.redirects
    route.change(context.platform, app, lambda: store.set(app, made))
    context.record("redirect", f"Send {source} on to {destination} ({code})", app)
    context.console.step(f"Setting redirect for {app.name}")
    context.console.detail(f"{source} leads to {destination} ({code})")


def check(context: Context, app: App, source: str, destination: str) -> None:
    """Raise PaasError for a name that is another app's, and for a way that does not end."""
    for name in (source, destination):
        if name.startswith("*."):
            raise UsageError(f"{name} cannot be redirected", "name one host")
    store = context.platform.store
    owner = store.domains.owner(source)
    if owner not in (None, app.name):
        raise PaasError(
            f"{source} belongs to app {owner}",
            f"see domains:report {owner} and redirect:list {owner}",
        )
    onward = {one.source: one.destination for one in context.platform.store.redirects.list(app)}
    onward[source] = destination
    if leads_round(onward, source):
        raise PaasError(f"{source} would lead back to itself", "choose another destination")


def leads_round(onward: dict[str, str], name: str) -> bool:
    """Whether whoever follows the redirects from a name comes back to one."""
    seen: set[str] = set()
    while name in onward:
        if name in seen:
            return True
        seen.add(name)
        name = onward[name]
    return False


@command("redirect:unset", Permission.WRITE)
@app_argument
@click.argument("source", type=DOMAIN)
def unset(context: Context, app: App, source: str) -> None:
    """Let a name lead to the app again, if it is one of its domains."""
    platform = context.platform
    known = [one.source for one in platform.store.redirects.list(app)]
    if source not in known:
        raise PaasError(
            f"{source} is not redirected", f"there are: {', '.join(known) or 'no redirects'}"
        )
    route.change(platform, app, lambda: drop(context, app, source))
    context.record("redirect", f"Unset {source}", app)
    context.console.step(f"Unsetting redirect for {app.name}")
    context.console.detail(source)


def drop(context: Context, app: App, source: str) -> None:
    context.platform.store.redirects.remove(app, source)


def values(context: Context, app: App | None) -> dict[str, str]:
    if app is None:
        return {}
    found = context.platform.store.redirects.list(app)
    return {
        "list": " ".join(f"{one.source}:{one.destination}:{one.code}" for one in found),
        "sources": " ".join(one.source for one in found),
    }


report.register(report.Namespace("redirect", "redirect", "which names lead to others", values))
