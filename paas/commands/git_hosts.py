"""git:auth and its kin: who we are at other people's git servers, and which ones are trusted."""

import click

from paas.commands.context import Context
from paas.commands.parameters import TEXT, Checked, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import remotes
from paas.errors import PaasError, UsageError
from paas.model import address, key

HOST = Checked("host", address.host)
SECRET_BYTES = 4096
TOKEN_USER = "token"  # noqa: S105 - what servers that look at the token alone take as a user
host_argument = click.argument("host", type=HOST)


@command("git:auth", Permission.ADMIN)
@host_argument
@click.argument("user", type=TEXT, required=False)
@click.argument("password", type=TEXT, required=False)
@click.option("--password-stdin", is_flag=True, help="The password is on standard input.")
def auth(
    context: Context, host: str, user: str | None, password: str | None, password_stdin: bool
) -> None:
    """Keep a login at a host, for git:sync and git:from-archive; without one, forget it.

    With one word it is a token. It is kept encrypted, sent to that host alone, and never
    shown. HOST:PORT is another host than HOST.
    """
    if user is None and not password_stdin:
        if not remotes.forget_login(context.platform, host):
            raise PaasError(f"there is no login at {host}", f"give one: paas git:auth {host} USER")
        context.record("git", f"Forget the login at {host}")
        context.console.step(f"Forgot the login at {host}")
        return
    if password_stdin:
        password = context.console.read_all(SECRET_BYTES).decode(errors="replace").rstrip("\r\n")
    elif password is None:
        user, password = TOKEN_USER, user
    if not password or not password.isprintable():
        raise UsageError("the password must be one line of printable text")
    remotes.set_login(context.platform, host, user or TOKEN_USER, password)
    context.record("git", f"Login at {host} as {user or TOKEN_USER}")
    context.console.step(f"Kept the login at {host}")


@command("git:auth-status", Permission.ADMIN)
@click.argument("host", type=HOST, required=False)
@format_option
def auth_status(context: Context, host: str | None, format_: str) -> None:
    """Tell whether there is a login at a host (exit 1 when not), or list where there are."""
    known = remotes.login_hosts(context.platform)
    if host is not None and host not in known:
        raise PaasError(f"there is no login at {host}", f"paas git:auth {host} USER PASSWORD")
    found = [one for one in known if host in (None, one)]
    users = {one: (remotes.login_at(context.platform, one) or {})["username"] for one in found}
    if format_ == "json":
        context.console.json([{"host": one, "username": user} for one, user in users.items()])
        return
    for one, user in users.items():
        context.console.line(f"{one} as {user}")


@command("git:allow-host", Permission.ADMIN)
@host_argument
@click.option("--fingerprint", type=TEXT, help="Only if one of its keys has it: SHA256:...")
def allow_host(context: Context, host: str, fingerprint: str | None) -> None:
    """Trust the ssh server of a host, by the keys that it shows now.

    Compare the fingerprints with those that its operators publish. What was known of the
    host before is replaced.
    """
    lines = remotes.ask_host(context.platform, host, context.console)
    prints = [key.parse(line.partition(" ")[2]).fingerprint for line in lines]
    if fingerprint and fingerprint not in prints:
        raise PaasError(
            f"{host} has no key with the fingerprint {fingerprint[:80]}",
            f"it shows {', '.join(prints)}; nothing was changed",
        )
    remotes.allow(context.platform, host, lines)
    context.record("git", f"Allow host {host}: {', '.join(prints)}")
    context.console.step(f"{host} is allowed, with these keys:")
    for line, one in zip(lines, prints, strict=True):
        context.console.detail(f"{one} ({line.split(' ')[1]})")


@command("git:generate-deploy-key", Permission.ADMIN)
def generate_deploy_key(context: Context) -> None:
    """Make the key that repositories of ssh are fetched with; --force replaces the one there is."""
    make = remotes.renew_key if context.force else remotes.make_key
    public = make(context.platform)
    context.record("git", "Generate a deploy key")
    context.console.step("Let the repository's server know this key:")
    context.console.line(public)


@command("git:public-key", Permission.READ)
def public_key(context: Context) -> None:
    """Show the deploy key's public half, for the servers that repositories are fetched from."""
    context.console.line(remotes.public_key(context.platform))
