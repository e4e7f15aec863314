"""stats and top: what containers take now, and which processes do; live on a terminal."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from paas.commands.context import Context
from paas.commands.parameters import APP, CONTAINER_NAMED, app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.console import Console, aligned, plain
from paas.deploy import entering, usage
from paas.deploy.usage import Rates
from paas.engines.base import Process
from paas.model.app import App
from paas.model.container import Container
from paas.model.limits import show_bytes

# the cursor to the corner, and at the end all below it gone (ECMA-48)
HOME, REST, LINE_END = b"\x1b[H", b"\x1b[J", b"\x1b[K"
COLUMNS = (
    "NAME", "APP", "ID", "CPU %", "MEMORY", "LIMIT", "PROCESSES", "READ/s", "WRITTEN/s",
    "RECEIVED/s", "SENT/s",
)  # fmt: skip
stream_option = click.option(
    "--no-stream", is_flag=True, help="Once, and not again and again until you leave."
)
interval_option = click.option(
    "-i", "--interval", "every_s", type=click.FloatRange(0.5, 3600), default=2.0,
    show_default=True, help="Seconds between two looks.",
)  # fmt: skip


@command("stats", Permission.READ)
@click.argument("app", type=APP, required=False)
@stream_option
@interval_option
@format_option
def stats(context: Context, app: App | None, no_stream: bool, every_s: float, format_: str) -> None:
    """Show what each container takes: processor, memory, disk and network; live on a terminal.

    Of an app, or of all. In JSON an object a container and look, with totals since it started.
    """
    for found in usage.watch(context.platform, app, context.console, every_s):
        if format_ == "json":
            for one in found:
                context.console.json(values(one))
        else:
            show(context.console, COLUMNS, [row(one) for one in found], live=not no_stream)
        if no_stream:
            return


def values(one: Rates) -> dict[str, Any]:
    """One container for programs: bytes, and percent of one processor."""
    spec, used = one.container.spec, one.used
    return {
        "name": spec.hostname,
        "app": spec.app,
        "id": one.container.id,
        "frozen": one.frozen,
        "cpu_percent": round(one.cpu_percent, 2),
        "cpu_seconds": round(used.cpu_seconds, 3),
        "memory_bytes": used.memory_bytes,
        "memory_limit_bytes": spec.limits.memory_bytes,
        "processes": used.pids,
        **{key: getattr(used, key)
           for key in ("read_bytes", "written_bytes", "received_bytes", "sent_bytes")},
        **{key: round(getattr(one, key))
           for key in ("read_bps", "written_bps", "received_bps", "sent_bps")},
    }  # fmt: skip


def row(one: Rates) -> tuple[str, ...]:
    spec, used = one.container.spec, one.used
    limit, share = spec.limits.memory_bytes, one.memory_percent
    memory = show_bytes(used.memory_bytes) + (f" {share:.0f}%" if share is not None else "")
    rates = (one.read_bps, one.written_bps, one.received_bps, one.sent_bps)
    return (
        spec.hostname,
        spec.app,
        one.container.id,
        "frozen" if one.frozen else f"{one.cpu_percent:.1f}",
        memory,
        show_bytes(limit) if limit else "-",
        str(used.pids),
        *(show_bytes(int(rate)) for rate in rates),
    )


@command("top", Permission.READ)
@app_argument
@click.argument("container", type=CONTAINER_NAMED, required=False)
@stream_option
@interval_option
@format_option
def top(
    context: Context,
    app: App,
    container: str | None,
    no_stream: bool,
    every_s: float,
    format_: str,
) -> None:
    """Show the processes of an app, or of one container, busiest first; live on a terminal.

    CONTAINER is a process type (web), one of its instances (web.1) or an id. Names only:
    command lines may hold secrets.
    """
    before = processes(context, app, container)
    wait_s = usage.FIRST_LOOK_S
    while not context.console.cancelled.wait(wait_s):
        now = processes(context, app, container)
        found = [*busiest(before, now)]
        if format_ == "json":
            for one in found:
                context.console.json(one)
        else:
            show(context.console, TOP, [tuple(map(str, one.values())) for one in found],
                 live=not no_stream)  # fmt: skip
        if no_stream:
            return
        before, wait_s = now, every_s


TOP = ("CONTAINER", "PID", "UID", "STATE", "CPU %", "CPU s", "MEMORY", "NAME")
Looked = dict[tuple[str, int], tuple[Container, Process, float]]


def processes(context: Context, app: App, wanted: str | None) -> Looked:
    """Every process of what is looked at, by its container and its number there."""
    engine = context.platform.engine
    chosen = entering.running(context.platform, app)
    if wanted is not None:
        chosen = [entering.find(context.platform, app, wanted)]
    return {
        (container.id, one.pid): (container, one, time.monotonic())
        for container in chosen
        for one in engine.processes(container.id)
    }


def busiest(before: Looked, now: Looked) -> Iterator[dict[str, Any]]:
    """Processes as rows, those that take most first."""
    rows = []
    for key, (container, one, at_s) in now.items():
        _, old, then_s = before.get(key, (container, one, at_s - 1))
        percent = 100 * max(0.0, one.cpu_seconds - old.cpu_seconds) / max(at_s - then_s, 0.001)
        rows.append((percent, one, container))
    for percent, one, container in sorted(rows, key=lambda row: (-row[0], -row[1].memory_bytes)):
        yield {
            "container": container.spec.hostname,
            "pid": one.pid,
            "uid": one.uid,
            "state": one.state,
            "cpu_percent": round(percent, 1),
            "cpu_seconds": round(one.cpu_seconds, 2),
            "memory_bytes": one.memory_bytes,
            "name": printable(one.name),
        }


def printable(name: str) -> str:
    """A name that a process gave itself."""
    return "".join(one if one.isprintable() else "?" for one in plain(name))


def show(
    console: Console, header: Sequence[str], rows: Sequence[Sequence[str]], *, live: bool
) -> None:
    """A table; on a terminal in the place of the one before, as much of it as there is room for."""
    if not (live and console.is_output_terminal):
        console.table(header, rows)
        return
    height, width = console.size()
    lines = aligned(header, rows[: max(1, height - 2)])
    shown = (line[:width].encode() + LINE_END for line in lines)
    console.write(HOME + b"\r\n".join(shown) + b"\r\n" + REST)
