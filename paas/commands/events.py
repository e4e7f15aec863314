"""events: what was changed, when, by whom and how it went."""

from functools import partial

import click

from paas.commands.context import Context
from paas.commands.parameters import APP, TEXT, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.console import plain
from paas.model import moments
from paas.model.app import App
from paas.model.event import ACTIONS, RESULTS, Event

DEFAULT_NUMBER = 100
LAST_ID = (1 << 63) - 1  # what a database can count to
LOOK_EVERY_S = 0.5
OFF = ("events", "off")


@command("events", Permission.READ)
@click.option("-t", "--tail", is_flag=True, help="Go on with new events as they come.")
@click.option("-n", "--num", "number", type=click.IntRange(0, 1_000_000), default=DEFAULT_NUMBER,
              show_default=True, help="How many of the last events.")  # fmt: skip
@click.argument("named", type=APP, required=False, metavar="[APP]")
@click.option("--app", "app", type=APP, help="The same: only those of this app.")
@click.option("--action", type=click.Choice([*ACTIONS]), metavar="ACTION",
              help="Only those of one kind; events:list names them.")  # fmt: skip
@click.option("--actor", type=TEXT, help="Only what this key or plugin did, or root, or paas.")
@click.option("--result", type=click.Choice(RESULTS), help="Only those that went this way.")
@click.option("--after", type=click.IntRange(0, LAST_ID), default=0, metavar="ID",
              help="Only those after the event of this id, which never changes.")  # fmt: skip
@click.option("--format", "format_", type=click.Choice(["stdout", "text", "json"]),
              default="stdout", help="json: an object a line.")  # fmt: skip
def events(
    context: Context,
    named: App | None,
    app: App | None,
    number: int,
    tail: bool,
    action: str | None,
    actor: str | None,
    result: str | None,
    after: int,
    format_: str,
) -> None:
    """Show what was changed, of an app or of all: by whom, and how it went.

    Deploys, rollbacks, settings, exits; events:list names the kinds.
    """
    app = named or app
    store, as_json = context.platform.store.events, format_ == "json"
    found = partial(
        store.list, app.name if app else None, action=action, actor=actor, result=result
    )
    last = store.newest()
    show(context, found(number, after, last), as_json=as_json)
    while tail and not context.console.cancelled.is_set():
        store.wait(last, LOOK_EVERY_S)
        newest = store.newest()
        show(context, found(after=max(last, after), until=newest), as_json=as_json)
        last = newest


def show(context: Context, found: list[Event], *, as_json: bool) -> None:
    for one in found:
        if as_json:
            context.console.json(described(one))
        else:
            context.console.line(plain(line(one)))


def line(one: Event) -> str:
    """`2026-01-31T12:00:00Z blog deploy succeeded by alice: v4: Deploy 1a2b3c4d`."""
    at = moments.iso(one.at)
    return f"{at} {one.app or '-'} {one.action} {one.result} by {one.actor}: {one.detail}"


def described(one: Event) -> dict[str, object]:
    return {
        "id": one.id,
        "at": moments.exact(one.at),
        "actor": one.actor,
        "app": one.app,
        "action": one.action,
        "result": one.result,
        "detail": one.detail,
    }


@command("events:list", Permission.READ)
@format_option
def list_actions(context: Context, format_: str) -> None:
    """List what is recorded, how many events of it are kept, and whether recording is on."""
    counts = context.platform.store.events.counts()
    is_on = context.platform.store.properties.get(None, *OFF) is None
    if format_ == "json":
        context.console.json({"on": is_on, "kept": {key: counts.get(key, 0) for key in ACTIONS}})
        return
    context.console.heading(f"Events are recorded: {'yes' if is_on else 'no'}")
    rows = [(action, counts.get(action, 0), words) for action, words in ACTIONS.items()]
    context.console.table(("ACTION", "KEPT", "WHAT"), rows)


@command("events:on", Permission.ADMIN)
def turn_on(context: Context) -> None:
    """Record events, as is the default."""
    context.platform.store.properties.set(None, *OFF, None)
    context.record("setting", "Events are recorded again")
    context.console.step("Events are recorded from now on")


@command("events:off", Permission.ADMIN)
def turn_off(context: Context) -> None:
    """Record no more events; those that are kept stay."""
    context.record("setting", "Events are recorded no more")
    context.platform.store.properties.set(None, *OFF, "yes")
    context.console.step("Events are recorded no more")
