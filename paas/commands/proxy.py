"""proxy: whether requests reach an app at all, and telling nginx anew what is true."""

from collections.abc import Callable
from dataclasses import dataclass

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.every import anyone, on_each, parallel_option
from paas.commands.parameters import APP, one_of
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import front, opening, route
from paas.errors import UsageError
from paas.model.app import App
from paas.model.ports import PortMapping, port

optional_app = click.argument("app", type=APP, required=False)
every_option = click.option("--all", "every", is_flag=True, help="Every app.")


@dataclass(frozen=True, slots=True)
class Change:
    """What decides whether requests reach an app, as it shall be; words for the caller."""

    key: tuple[str, str]
    value: str | None
    words: str
    done: str

    def make(self, context: Context, app: App) -> None:
        """Keep it and tell the proxy: both or neither."""
        platform = context.platform
        context.console.step(f"{self.words} for {app.name}")
        set_ = platform.store.properties.set
        route.change(platform, app, lambda: set_(app, *self.key, self.value))
        context.record("proxy", self.done, app)


ENABLE = Change(front.DISABLED, None, "Enabling proxy", "Enabled")
DISABLE = Change(front.DISABLED, "true", "Disabling proxy", "Disabled")
BUILD = Change(front.CLEARED, None, "Building proxy config", "Built")
CLEAR = Change(front.CLEARED, "true", "Clearing proxy config", "Cleared")


def on_apps(context: Context, app: App | None, every: bool, parallel: int, change: Change) -> None:
    """Of one app, or of all whether they were deployed or not."""
    on_each(context, app, every=every, parallel=parallel, action=change.make, among=anyone)


@command("proxy:enable", Permission.WRITE)
@optional_app
@every_option
@parallel_option
def enable(context: Context, app: App | None, every: bool, parallel: int) -> None:
    """Let requests reach an app again."""
    on_apps(context, app, every, parallel, ENABLE)


@command("proxy:disable", Permission.WRITE)
@optional_app
@every_option
@parallel_option
def disable(context: Context, app: App | None, every: bool, parallel: int) -> None:
    """Have no request reach an app; its processes go on, and its domains are kept."""
    on_apps(context, app, every, parallel, DISABLE)


@command("proxy:build-config", Permission.WRITE)
@optional_app
@every_option
@parallel_option
def build_config(context: Context, app: App | None, every: bool, parallel: int) -> None:
    """Tell the proxy anew what is true of an app; needed only after proxy:clear-config.

    Everything else that changes an app tells the proxy by itself.
    """
    on_apps(context, app, every, parallel, BUILD)


@command("proxy:clear-config", Permission.WRITE)
@optional_app
@every_option
@parallel_option
def clear_config(context: Context, app: App | None, every: bool, parallel: int) -> None:
    """Have the proxy forget an app until its next deploy, or until proxy:build-config."""
    on_apps(context, app, every, parallel, CLEAR)


def values(context: Context, app: App | None) -> dict[str, str]:
    if app is None:
        return {}
    get = context.platform.store.properties.get
    return {
        "enabled": str(get(app, *front.DISABLED) != "true").lower(),
        "config-cleared": str(get(app, *front.CLEARED) is not None).lower(),
    }


def kind(text: str) -> str:
    if text == "nginx":
        return text
    raise UsageError(
        f"there is no proxy {text[:80]!r} here", "nginx is the one; unset the property or say nginx"
    )


def kept_port(context: Context, _app: App, text: str) -> str:
    """The port, when an app can have it."""
    opening.check(context.platform.settings, PortMapping("http", int(text), 1))
    return text


def applied(context: Context, app: App | None, alter: Callable[[], None]) -> None:
    if app is None:
        alter()
    else:
        route.change(context.platform, app, alter)


report.register(
    report.Namespace(
        "proxy",
        "proxy",
        "whether requests reach an app",
        values,
        properties=(
            report.Property(
                "disabled",
                "true: no request reaches the app",
                one_of("true", "false"),
                lambda _: "false",
                has_global=False,
            ),
            report.Property(
                "proxy-port",
                "a port of the server that leads to the app while it has no domains",
                lambda text: str(port(text)),
                has_global=False,
                kept=kept_port,
            ),
            report.Property("type", "which proxy: nginx", kind, lambda _: "nginx"),
        ),
        applied=applied,
    )
)
