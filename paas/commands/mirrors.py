"""mirrors: where builds get packages from, and what stands in for fixed hosts."""

from pathlib import Path

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import TEXT, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy.build_config import MIRRORS
from paas.errors import PaasError
from paas.model import mirrors, standin


@command("mirrors:add", Permission.ADMIN)
@click.argument("source", type=TEXT)
@click.argument("target", type=TEXT)
def add(context: Context, source: str, target: str) -> None:
    """Have builds get what is below an address from another one, or from a folder of the server.

    Of an address that ends with a slash all that is below it, else exactly that. The rest of its
    host is fetched from where it is. Scheme and certificates are no matter.
    """
    one = standin.parse(source, target)
    if one.local and Path(one.target).is_dir() != one.whole:
        kind = "folder" if one.whole else "file"
        raise PaasError(f"there is no {kind} {one.target}", "make it, and let everybody read it")
    context.platform.store.standins.set(one)
    context.record("mirrors", f"Serve {one.target} for {one.source}")
    context.console.step(f"Builds get {one.target} for {one.source}")


@command("mirrors:remove", Permission.ADMIN)
@click.argument("source", type=TEXT)
def remove(context: Context, source: str) -> None:
    """Let an address be what it is again."""
    host, path = standin.where(source)
    if not context.platform.store.standins.remove(host, path):
        raise PaasError(f"nothing stands in for https://{host}{path}", "see paas mirrors:list")
    context.record("mirrors", f"Serve nothing for https://{host}{path}")
    context.console.step(f"Builds get https://{host}{path} as it is")


@command("mirrors:list", Permission.ADMIN)
@format_option
def list_standins(context: Context, format_: str) -> None:
    """List the addresses that builds get something else for."""
    found = context.platform.store.standins.list()
    if format_ == "json":
        context.console.json([{"source": one.source, "target": one.target} for one in found])
        return
    context.console.heading("Stand-ins for builds")
    if found:
        context.console.table(("ADDRESS", "SERVED FROM"), [(o.source, o.target) for o in found])


report.register(
    report.Namespace(
        MIRRORS,
        "mirrors",
        "where builds get packages from",
        properties=tuple(
            report.Property(
                one.key,
                f"{one.words}; given to builds as {', '.join(one.variables)}",
                mirrors.address,
            )
            for one in mirrors.MIRRORS
        ),
        permission=Permission.SECRETS,
        after_set="The next build takes it; the app's config has the last word",
    )
)
