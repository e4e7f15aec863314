"""ports: which ports of the server lead to which ports of an app's containers."""

from collections.abc import Callable, Iterable, Sequence

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import app_argument, format_option, no_restart_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.console import aligned
from paas.deploy import fleet, opening, operations, ports
from paas.deploy.boot import WEB
from paas.errors import PaasError, UsageError
from paas.model.app import App
from paas.model.ports import PortMapping, mapping, port
from paas.model.release import Image

MAPPING_WORDS = "SCHEME:HOST-PORT:CONTAINER-PORT..."


@command("ports:list", Permission.READ)
@app_argument
@format_option
def list_ports(context: Context, app: App, format_: str) -> None:
    """List the mappings that hold: those set, or what the app's image asks for."""
    found = ports.mappings(context.platform, app, image_of(context, app))
    if format_ == "json":
        context.console.json(
            [
                {"scheme": one.scheme, "host_port": one.host, "container_port": one.container}
                for one in found
            ]
        )
        return
    rows = [(one.scheme, str(one.host), str(one.container)) for one in found]
    if context.console.quiet:
        for line in aligned(rows[0], rows[1:]) if rows else ():
            context.console.line(line)
        return
    context.console.step(f"Port mappings for {app.name}")
    context.console.table(("-----> scheme", "host port", "container port"), rows)


def wanted(_: click.Context, __: click.Parameter, words: Sequence[str]) -> list[PortMapping]:
    return [mapping(text) for text in words]


mappings_argument = click.argument(
    "found", nargs=-1, required=True, callback=wanted, metavar=MAPPING_WORDS
)


@command("ports:add", Permission.WRITE)
@app_argument
@mappings_argument
@no_restart_option
def add(context: Context, app: App, found: Sequence[PortMapping], no_restart: bool) -> None:
    """Add mappings, such as http:8080:9000; a host port that is mapped already leads there then.

    Host port 80 stands for the platform's port for HTTP, 443 for HTTPS. Others are opened
    for all apps that have them, each by its domains. The container port behind 80 is PORT.
    """
    hosts = {one.host for one in found}
    kept = [one for one in present(context, app) if one.host not in hosts]
    change(context, app, [*kept, *found], f"Add {words(found)}", no_restart)


@command("ports:set", Permission.WRITE)
@app_argument
@mappings_argument
@no_restart_option
def set_ports(context: Context, app: App, found: Sequence[PortMapping], no_restart: bool) -> None:
    """Have these mappings and no others."""
    change(context, app, found, f"Set {words(found)}", no_restart)


@command("ports:remove", Permission.WRITE)
@app_argument
@click.argument("texts", nargs=-1, required=True, metavar="HOST-PORT|MAPPING...")
@no_restart_option
def remove(context: Context, app: App, texts: Sequence[str], no_restart: bool) -> None:
    """Remove mappings, by the host port or as they were added."""
    have = present(context, app)
    gone = [named(have, text) for text in texts]
    kept = [one for one in have if one not in gone]
    change(context, app, kept, f"Remove {words(gone)}", no_restart)


def named(have: Sequence[PortMapping], text: str) -> PortMapping:
    """The mapping that a word means."""
    fits: Callable[[PortMapping], bool]
    if ":" in text:
        asked = mapping(text)
        fits = asked.__eq__
    else:
        number = port(text)
        fits = lambda one: one.host == number  # noqa: E731
    for one in have:
        if fits(one):
            return one
    raise UsageError(f"there is no mapping {text[:80]}", f"there are: {words(have) or 'none'}")


@command("ports:clear", Permission.WRITE)
@app_argument
@no_restart_option
def clear(context: Context, app: App, no_restart: bool) -> None:
    """Remove all mappings: what the app's image asks for holds again."""
    change(context, app, [], "Clear", no_restart)


def present(context: Context, app: App) -> Sequence[PortMapping]:
    """The mappings to add to or remove from: as shown, so that port 80 is not lost by an add."""
    return ports.mappings(context.platform, app, image_of(context, app))


def words(found: Iterable[PortMapping]) -> str:
    return " ".join(map(str, found))


def image_of(context: Context, app: App) -> Image | None:
    release = context.platform.store.releases.current(app)
    return release.image if release else None


def change(
    context: Context, app: App, found: Sequence[PortMapping], what: str, no_restart: bool
) -> None:
    """Keep mappings and have them serve; what runs is replaced where it must listen elsewhere."""
    platform = context.platform
    opening.change(platform, app, found)
    context.record("ports", what, app)
    context.console.step(f"Setting port mappings of {app.name}")
    context.console.detail(words(found) or "none: what the image asks for")
    listens = ports.of_web(platform, app, image_of(context, app))
    running = [one for one in fleet.in_service(platform, app) if one.spec.process == WEB]
    if all(one.spec.port == listens for one in running):
        return
    if no_restart:
        context.console.warn(f"PORT is {listens} from the next start of {app.name} on")
        return
    try:
        operations.restart(platform, app.name, context.console, WEB, actor=context.caller.name)
    except PaasError:
        context.console.warn("The mappings are changed, but the containers before still serve")
        raise


def values(context: Context, app: App | None) -> dict[str, str]:
    if app is None:
        return {"open": words_of(context)}
    return {
        "map": words(context.platform.store.ports.list(app)),
        "map-detected": words(ports.detected(image_of(context, app))),
    }


def words_of(context: Context) -> str:
    """The ports that are open beside the ordinary ones."""
    return " ".join(
        f"{scheme}:{number}" for scheme, number in sorted(context.platform.proxy.doors())
    )


report.register(report.Namespace("ports", "ports", "which ports lead to an app", values))
