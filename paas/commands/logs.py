"""logs: what an app's processes and the platform said, in bulk or live.

What an app writes is shown without the characters that drive a terminal: also where
output is no terminal here, it mostly ends up on one (ssh without a pty).
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click

from paas.commands.context import Context
from paas.commands.parameters import CONTAINER_NAMED, Checked, app_argument
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.console import Console, plain
from paas.errors import PaasError, UsageError
from paas.logs.files import wanted
from paas.logs.line import PAAS, Line, as_object, shown_at
from paas.model.app import App

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DEFAULT_LINES = 100
CHUNK_BYTES = 32 << 10


def moment(text: str) -> datetime:
    """`10m` ago, or an ISO 8601 time (UTC unless it says otherwise)."""
    match = re.fullmatch(r"(\d{1,9})([smhd])", text, re.ASCII)
    try:
        if match:
            return datetime.now(UTC) - timedelta(**{UNITS[match[2]]: int(match[1])})
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise UsageError(
            f"--since {text[:80]!r} is no time", "give 10m, 2h, 3d or 2026-01-31T12:00:00"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


tail_option = click.option("-t", "--tail", is_flag=True, help="Go on with new lines as they come.")
number_option = click.option(
    "-n", "--num", "number", type=click.IntRange(0, 10_000_000),
    help=f"How many of the last lines (default {DEFAULT_LINES}, all with --since).",
)  # fmt: skip
quiet_option = click.option(
    "-q", "--quiet", "raw", is_flag=True, help="The text alone, without times and names."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which lines, and in which form."""

    process: str | None
    number: int | None
    since: datetime | None
    follow: bool
    raw: bool
    as_json: bool


@command("logs", Permission.READ)
@app_argument
@tail_option
@number_option
@click.option("-p", "--ps", "process", type=CONTAINER_NAMED,
              help="Only this process type (web), instance (web.1) or paas itself.")  # fmt: skip
@quiet_option
@click.option("--since", type=Checked("time", moment), help="10m, 2h, 3d or an ISO 8601 time.")
@click.option("--format", "format_", type=click.Choice(["stdout", "text", "json"]),
              default="stdout", help="json: an object a line.")  # fmt: skip
def logs(
    context: Context,
    app: App,
    process: str | None,
    number: int | None,
    since: datetime | None,
    tail: bool,
    raw: bool,
    format_: str,
) -> None:
    """Show what an app's processes and the platform said, by time."""
    if process is not None:
        release = context.platform.store.releases.current(app)
        types = {PAAS, *(release.image.processes if release else ())}
        if process.partition(".")[0] not in types:
            refuse_unheard(context, app, process)
    show(context, app, Wish(process, number, since, tail, raw, as_json=format_ == "json"))


def show(context: Context, app: App, wish: Wish) -> None:
    """Write the lines to the caller, until it goes away when it follows."""
    logs, console = context.platform.logs, context.console
    number = DEFAULT_LINES if wish.number is None and wish.since is None else wish.number
    if wish.follow:
        stop = console.cancelled
        for line in logs.follow(app.name, wish.process, number, wish.since, stop):
            console.line(form(app, line, wish))
            if stop.is_set():
                return
    else:
        in_bulk(
            console,
            (form(app, line, wish)
             for line in logs.read(app.name, wish.process, number, wish.since)),
        )  # fmt: skip


def refuse_unheard(context: Context, app: App, process: str) -> None:
    """PaasError for a process that nothing is in the log of."""
    sources = context.platform.logs.sources(app.name)
    if not any(wanted(one, process) for one in sources):
        hint = f"there are lines of: {', '.join(sorted(sources))}" if sources else ""
        raise PaasError(f"nothing of {process} is in the log of {app.name}", hint)


def in_bulk(console: Console, texts: Iterable[str]) -> None:
    """Many lines in few writes."""
    waiting, size = [], 0
    for text in texts:
        waiting.append(text)
        size += len(text)
        if size > CHUNK_BYTES:
            console.line("\n".join(waiting))
            console.check_cancelled()
            waiting, size = [], 0
    if waiting:
        console.line("\n".join(waiting))


def form(app: App, line: Line, wish: Wish) -> str:
    """`2026-01-31T12:00:00.123456Z app[web.1]: text`, as dokku's users know it."""
    if wish.as_json:
        return json.dumps(as_object(app.name, line))
    text = plain(line.text)
    return text if wish.raw else f"{shown_at(line)} app[{line.source}]: {text}"
