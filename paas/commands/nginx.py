"""nginx: how the proxy treats an app, what it logged of it, and the process itself."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import APP, app_argument
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.console import plain
from paas.deploy import front, route
from paas.errors import PaasError
from paas.model import nginx
from paas.model.app import App
from paas.proxy import logs
from paas.proxy.logs import Wanted

LINES = 100
HOST = re.compile(rb'host: "([A-Za-z0-9.-]+)[":]')
COMMON = "access.log"
number_option = click.option(
    "-n", "--num", "number", type=click.IntRange(0, 100_000), default=LINES,
    help=f"How many of the last lines (default {LINES}).",
)  # fmt: skip
tail_option = click.option("-t", "--tail", is_flag=True, help="Go on with new lines as they come.")


@command("nginx:access-logs", Permission.READ)
@app_argument
@tail_option
@number_option
def access_logs(context: Context, app: App, tail: bool, number: int) -> None:
    """Show the requests for an app as the proxy logged them."""
    values = front.settings(context.platform, app)
    named = values["access-log-path"]
    if not named and values["access-log-format"] != nginx.JSON:
        named = COMMON  # what does not say which app it is about is in a file of the app's own
    mark = f'"app":"{app.name}"'.encode()
    wanted = lambda line: mark in line  # noqa: E731
    show(context, file_of(context, app, named, COMMON), wanted, tail, number)


@command("nginx:error-logs", Permission.READ)
@app_argument
@tail_option
@number_option
def error_logs(context: Context, app: App, tail: bool, number: int) -> None:
    """Show what the proxy complained of about requests for an app."""
    named = front.settings(context.platform, app)["error-log-path"]
    names = context.platform.store.domains.effective(app)
    show(context, file_of(context, app, named, "error.log"), partial(asks_for, names), tail, number)


def asks_for(names: Sequence[str], line: bytes) -> bool:
    """Whether a complaint is about a request for one of these names."""
    found = HOST.search(line)
    host = found[1].decode().lower().rstrip(".") if found else ""
    wild = tuple(name[1:] for name in names if name.startswith("*."))
    return host in names or (bool(wild) and host.endswith(wild))


def file_of(context: Context, app: App, named: str, common: str) -> tuple[Path, bool]:
    """The log's file, and whether it is the app's own."""
    directory = context.platform.settings.state_dir / "proxy/logs"
    own = directory / "apps" / app.name
    if named == nginx.OFF:
        raise PaasError(f"{app.name} has no such log", "it is off: see paas nginx:report")
    return (own / named, True) if named else (directory / common, False)


def show(
    context: Context, place: tuple[Path, bool], wanted: Callable[[bytes], bool], tail: bool,
    number: int,
) -> None:  # fmt: skip
    path, own = place
    chosen: Wanted = (lambda _: True) if own else wanted
    for line in logs.last(path, chosen, number):
        context.console.line(plain(line.decode(errors="replace")))
    if tail:
        for line in logs.follow(path, chosen, context.console.cancelled):
            context.console.line(plain(line.decode(errors="replace")))


# -- its configuration -------------------------------------------------------------------


@command("nginx:show-config", Permission.READ)
@app_argument
def show_config(context: Context, app: App) -> None:
    """Show the server block that an app has, or would have with settings of its own."""
    context.console.write(context.platform.proxy.configuration(app.name).encode())


@command("nginx:validate-config", Permission.WRITE)
@click.argument("app", type=APP, required=False)
@click.option("--clean", is_flag=True, help="Unset the settings of apps that nginx does not take.")
def validate_config(context: Context, app: App | None, clean: bool) -> None:
    """Have nginx check the settings of an app, or of every app, each by itself.

    What it does not take is left out of what it runs by, and stops no other app.
    """
    refused = context.platform.proxy.refused(app.name if app else None)
    for name, why in refused.items():
        context.console.warn(f"{name}: {why}")
    if refused and clean:
        for name in refused:
            unset_all(context, context.platform.store.apps.get(name))
    elif refused:
        raise PaasError(
            f"nginx does not take the settings of {', '.join(refused)}",
            "unset what it complains of: nginx:set APP KEY, or all of them with --clean",
        )
    context.console.step("The configuration of nginx is valid")


def unset_all(context: Context, app: App) -> None:
    """Have an app served as others are."""

    def alter() -> None:
        for key in nginx.BLOCK:
            context.platform.store.properties.set(app, front.NGINX, key, None)

    route.change(context.platform, app, alter)
    context.record("setting", "nginx: Unset what nginx did not take", app)
    context.console.step(f"Unset the nginx settings of {app.name}")


# -- the process -------------------------------------------------------------------------


@command("nginx:reload", Permission.ADMIN)
def reload(context: Context) -> None:
    """Have nginx read its whole configuration anew; no request is lost."""
    context.platform.proxy.reload()
    context.record("nginx", "Reloaded")
    context.console.step("Reloaded nginx")


@command("nginx:start", Permission.ADMIN)
def start(context: Context) -> None:
    """Start nginx, after nginx:stop."""
    context.platform.proxy.start()
    context.record("nginx", "Started")
    context.console.step("nginx runs")


@command("nginx:stop", Permission.ADMIN)
def stop(context: Context) -> None:
    """Stop nginx: no app can be reached until nginx:start. Asks first, or takes --force."""
    context.confirm("nginx", "This will stop every app from being reached")
    context.platform.proxy.stop(until_told=True)
    context.record("nginx", "Stopped")
    context.console.step("Stopped nginx")


# -- properties --------------------------------------------------------------------------


def applied(context: Context, app: App | None, alter: Callable[[], None]) -> None:
    """Make the change and have nginx run by it; where it refuses, nothing has changed."""
    if app is None:
        route.change_all(context.platform, alter)
    else:
        route.change(context.platform, app, alter)


def refuse(reason: str, _text: str) -> str:
    raise PaasError("there is no such setting here", reason)


def properties() -> tuple[report.Property, ...]:
    known = [
        report.Property(
            key,
            one.words,
            one.check,
            lambda _, text=one.default: text,  # type: ignore[misc]
            has_global=key != "access-log-format",  # the common log says which app it is about
        )
        for key, one in {**nginx.BLOCK, **nginx.ROUTED}.items()
    ]
    refused = [
        report.Property(key, f"refused: {why}", partial(refuse, why))
        for key, why in nginx.REFUSED.items()
    ]
    return tuple(sorted([*known, *refused], key=lambda one: one.key))


report.register(
    report.Namespace(
        "nginx", "nginx", "how the proxy treats an app", properties=properties(), applied=applied
    )
)
