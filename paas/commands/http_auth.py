"""http-auth: a password before an app, and addresses that need none."""

from collections.abc import Callable, Sequence

import bcrypt
import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import TEXT, Checked, app_argument
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import front, route
from paas.errors import PaasError
from paas.model import access
from paas.model.app import App

ROUNDS = 10  # as the proxy's answer to names that nobody has takes
USER = Checked("user", access.user_name)
ADDRESS = Checked("address", access.address)
user_argument = click.argument("user", type=USER)
password_argument = click.argument("password", type=TEXT, required=False)


def apply(context: Context, app: App, alter: Callable[[], None], words: str) -> None:
    """Change who may see the app, and the app's route; both or neither."""
    route.change(context.platform, app, alter)
    context.record("http-auth", words, app)


@command("http-auth:enable", Permission.WRITE)
@app_argument
@click.argument("user", type=USER, required=False)
@password_argument
def enable(context: Context, app: App, user: str | None, password: str | None) -> None:
    """Ask for a password before an app; with a user, have that one too.

    Without any user nobody gets in, but from addresses that were allowed.
    """
    hashed = hash_of(context, password) if user else ""

    def alter() -> None:
        context.platform.store.properties.set(app, *front.GUARDED, "true")
        if user:
            context.platform.store.http_auth.set_user(app, user, hashed)

    context.console.step(f"Enabling HTTP auth for {app.name}...")
    apply(context, app, alter, "Enabled")
    if not user and not context.platform.store.http_auth.guard(app).users:
        context.console.warn("There is no user yet: nobody gets in")
        context.console.warn(f"Add one: paas http-auth:add-user {app.name} USER")


@command("http-auth:disable", Permission.WRITE)
@app_argument
def disable(context: Context, app: App) -> None:
    """Let everybody see an app again; its users are kept."""
    context.console.step(f"Disabling HTTP auth for {app.name}...")
    set_ = context.platform.store.properties.set
    apply(context, app, lambda: set_(app, *front.GUARDED, None), "Disabled")


@command("http-auth:on", Permission.WRITE)
@app_argument
@click.argument("user", type=USER, required=False)
@password_argument
def on(context: Context, app: App, user: str | None, password: str | None) -> None:
    """Ask for a password before an app: http-auth:enable under its older name."""
    enable(context, app, user, password)


@command("http-auth:off", Permission.WRITE)
@app_argument
def off(context: Context, app: App) -> None:
    """Let everybody see an app again: http-auth:disable under its older name."""
    disable(context, app)


@command("http-auth:add-user", Permission.WRITE)
@app_argument
@user_argument
@password_argument
def add_user(context: Context, app: App, user: str, password: str | None) -> None:
    """Add a user, or give one a new password; without PASSWORD it is the line on standard input.

    Give it there: words of a command may be seen by others.
    """
    hashed = hash_of(context, password)
    store = context.platform.store.http_auth
    apply(context, app, lambda: store.set_user(app, user, hashed), f"User {user}")
    context.console.step(f"Adding {user} to basic auth list")
    if context.platform.store.properties.get(app, *front.GUARDED) is None:
        context.console.warn(f"It is not asked for yet: paas http-auth:enable {app.name}")


def hash_of(context: Context, password: str | None) -> str:
    """The bcrypt hash of a password that was given, or is on standard input."""
    text = password if password is not None else context.given_line("a password")
    return bcrypt.hashpw(access.password(text).encode(), bcrypt.gensalt(ROUNDS)).decode()


@command("http-auth:remove-user", Permission.WRITE)
@app_argument
@user_argument
def remove_user(context: Context, app: App, user: str) -> None:
    """Let a user in no more."""
    store = context.platform.store.http_auth
    names = [name for name, _ in store.guard(app).users]
    if user not in names:
        raise PaasError(f"there is no user {user}", f"there are: {', '.join(names) or 'none'}")
    apply(context, app, lambda: drop(context, app, user), f"User {user} removed")
    context.console.step(f"Removing {user} from basic auth list")


def drop(context: Context, app: App, user: str) -> None:
    context.platform.store.http_auth.remove_user(app, user)


@command("http-auth:add-allowed-ip", Permission.WRITE)
@app_argument
@click.argument("address", type=ADDRESS)
def add_allowed_ip(context: Context, app: App, address: str) -> None:
    """Let an address, or all of a network, in without a password."""
    have = context.platform.store.http_auth.guard(app).addresses
    set_addresses(context, app, [*have, address], f"Address {address}")
    context.console.step(f"Adding {address} to allowed ip list")


@command("http-auth:remove-allowed-ip", Permission.WRITE)
@app_argument
@click.argument("address", type=ADDRESS)
def remove_allowed_ip(context: Context, app: App, address: str) -> None:
    """Ask whoever comes from an address for a password again."""
    have = context.platform.store.http_auth.guard(app).addresses
    if address not in have:
        raise PaasError(
            f"{address} is not let in by itself", f"there are: {', '.join(have) or 'none'}"
        )
    kept = [one for one in have if one != address]
    set_addresses(context, app, kept, f"Address {address} removed")
    context.console.step(f"Removing {address} from allowed ip list")


@command("http-auth:set-allowed-ips", Permission.WRITE)
@app_argument
@click.argument("addresses", type=ADDRESS, nargs=-1)
def set_allowed_ips(context: Context, app: App, addresses: Sequence[str]) -> None:
    """Let these addresses in without a password, and no others; without any, none."""
    set_addresses(context, app, addresses, f"Addresses {' '.join(addresses) or 'cleared'}")
    context.console.step(f"Allowed ips of {app.name}: {' '.join(addresses) or 'none'}")


def set_addresses(context: Context, app: App, found: Sequence[str], words: str) -> None:
    store = context.platform.store.http_auth
    apply(context, app, lambda: store.set_addresses(app, found), words)


@command("http-auth:show-config", Permission.READ)
@app_argument
def show_config(context: Context, app: App) -> None:
    """Show the server block that asks for the password; users and their passwords are not in it."""
    if context.platform.store.properties.get(app, *front.GUARDED) is None:
        raise PaasError(f"HTTP auth is not enabled for {app.name}")
    context.console.write(context.platform.proxy.configuration(app.name).encode())


def values(context: Context, app: App | None) -> dict[str, str]:
    if app is None:
        return {}
    found = context.platform.store.http_auth.guard(app)
    enabled = context.platform.store.properties.get(app, *front.GUARDED) is not None
    return {
        "enabled": str(enabled).lower(),
        "allowed-ips": " ".join(found.addresses),
        "users": " ".join(name for name, _ in found.users),
    }


report.register(report.Namespace("http-auth", "http-auth", "which apps ask for a password", values))
