"""logs:failed: what was said while the last deploy that failed was under way."""

from collections.abc import Iterator

import click

from paas.commands import logs
from paas.commands.context import Context
from paas.commands.parameters import APP
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.errors import PaasError, UsageError
from paas.logs.line import Line
from paas.model import moments
from paas.model.app import App
from paas.model.event import Event

LOOKED_AT = 1000  # events of an app


@command("logs:failed", Permission.READ)
@click.argument("app", type=APP, required=False)
@click.option("--all", "every", is_flag=True, help="Of every app that has one.")
@logs.quiet_option
def failed(context: Context, app: App | None, every: bool, raw: bool) -> None:
    """Show what an app said during its last deploy that failed, whatever was deployed since."""
    if every == (app is not None):
        raise UsageError("name one app, or give --all")
    if app is not None:
        if not show(context, app, raw=raw):
            raise PaasError(
                f"no failed deploy of {app.name} is remembered", f"paas events --app {app.name}"
            )
        return
    for one in context.platform.store.apps.list():
        show(context, one, raw=raw)


def show(context: Context, app: App, *, raw: bool) -> bool:
    """Write the lines of an app's last failure; False when there was none."""
    found = last_failure(context, app)
    if found is None:
        return False
    begun, ended = found
    context.console.heading(f"{app.name}: {ended.detail} failed at {moments.iso(ended.at)}")
    wish = logs.Wish(None, None, begun.at, follow=False, raw=raw, as_json=False)
    lines = during(context.platform.logs.read(app.name, since=begun.at), ended)
    logs.in_bulk(context.console, (logs.form(app, line, wish) for line in lines))
    return True


def last_failure(context: Context, app: App) -> tuple[Event, Event] | None:
    """When the last deploy that failed began and ended; from its end alone where need be."""
    deploys = [
        one
        for one in context.platform.store.events.list(app.name, LOOKED_AT)
        if one.action == "deploy"
    ]
    ends = [place for place, one in enumerate(deploys) if one.result == "failed"]
    if not ends:
        return None
    last = ends[-1]
    before = deploys[last - 1] if last else deploys[last]
    return (before if before.result == "begun" else deploys[last]), deploys[last]


def during(lines: Iterator[Line], ended: Event) -> Iterator[Line]:
    """The lines until a deploy's end."""
    return (line for line in lines if line.at <= ended.at)
