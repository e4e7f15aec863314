"""report: every namespace's report at once, of the instance or of one app, to hand to somebody."""

import os
import platform as machine
from collections.abc import Iterator

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import APP, format_option
from paas.commands.permissions import Permission, allowed
from paas.commands.registry import command
from paas.model.app import App
from paas.model.limits import show_bytes
from paas.version import VERSION


@command("report", Permission.READ)
@click.argument("app", type=APP, required=False)
@format_option
def whole(context: Context, app: App | None, format_: str) -> None:
    """Show what this server is, and every report of the instance, or of one app.

    Without values of variables, so that it can be shown to somebody who is to help. What
    is wrong with the server, and the versions of its programs, is told by paas doctor.
    """
    with context.platform.store.view():
        found = {space.name: space.rows(context, app) for space in spaces(context)}
    here = about(context)
    if format_ == "json":
        context.console.json({"server": here, **found})
        return
    context.console.heading("Server information")
    width = max(map(len, here)) + 2
    for key, value in here.items():
        context.console.line(f"       {(key.capitalize() + ':').ljust(width)} {value}".rstrip())
    for name, rows in found.items():
        if rows:
            report.show(context, report.SPACES[name], app, rows)


def spaces(context: Context) -> Iterator[report.Namespace]:
    """What the caller may see and nobody minds to have shown."""
    for _, space in sorted(report.SPACES.items()):
        if space.permission is Permission.READ and allowed(context.caller, space.permission):
            yield space


def about(context: Context) -> dict[str, str]:
    """This server: what it runs, and how large it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    store = context.platform.store
    return {
        "paas": VERSION,
        "system": machine.freedesktop_os_release().get("PRETTY_NAME", ""),
        "kernel": f"{machine.release()} {machine.machine()}",
        "python": machine.python_version(),
        "processors": str(os.cpu_count()),
        "memory": show_bytes(memory),
        "database": store.kind,
        "apps": str(len(store.apps.list())),
    }
