"""registry: where releases are pushed to, and who we are at registries."""

from collections.abc import Sequence

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import TEXT, VERSION, app_argument, one_of, printable
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import pipeline
from paas.deploy.images import pushing, registries
from paas.errors import PaasError, UsageError
from paas.model import reference
from paas.model.app import App
from paas.model.names import app_name
from paas.store.registries import Login

FORM = "registry:login [--global|APP] [--password-stdin] SERVER USERNAME [PASSWORD]"


@command("registry:login", Permission.ADMIN)
@click.option("--global", "everywhere", is_flag=True, help="For every app.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.argument("words", type=TEXT, nargs=-1, metavar="[APP] SERVER USERNAME [PASSWORD]")
def login(context: Context, words: Sequence[str], everywhere: bool, password_stdin: bool) -> None:
    """Log in to a registry, for every app or for one; the registry is asked at once.

    The password is kept sealed and never shown. Give it on standard input: words of a
    command may be seen by others.
    """
    count = 2 if password_stdin else 3
    if len(words) not in ((count,) if everywhere else (count, count + 1)):
        raise UsageError("these are not a server, a user name and a password", f"usage: {FORM}")
    app = named_app(context, words[0]) if len(words) == count + 1 else None
    server, username, *rest = words[-count:]
    password = rest[0] if rest else context.given_line("a password")
    made = Login(registries.server_name(server), printable(username, "a user name"), password)
    pushing.verify(context.platform, app, made, context.console)
    context.platform.store.registries.set(app, made)
    context.record("registry", f"Log in at {made.server}", app)
    context.console.heading(f"Logged in at {made.server} for {app.name if app else 'every app'}")


def named_app(context: Context, text: str) -> App:
    return context.platform.store.apps.get(app_name(text))


@command("registry:logout", Permission.ADMIN)
@click.option("--global", "everywhere", is_flag=True, help="The login for every app.")
@click.argument("words", type=TEXT, nargs=-1, required=True, metavar="[APP] SERVER")
def logout(context: Context, words: Sequence[str], everywhere: bool) -> None:
    """Forget a login."""
    if len(words) > (1 if everywhere else 2):
        raise UsageError("give a server", "usage: registry:logout [--global|APP] SERVER")
    app = named_app(context, words[0]) if len(words) == 2 else None
    server = registries.server_name(words[-1])
    if not context.platform.store.registries.remove(app, server):
        raise PaasError(f"there is no login at {server} for {app.name if app else 'every app'}")
    context.record("registry", f"Log out at {server}", app)
    context.console.heading(f"Logged out at {server}")


@command("registry:push", Permission.WRITE)
@app_argument
@click.argument("version", type=VERSION, required=False)
def push(context: Context, app: App, version: int | None) -> None:
    """Push a release to the registry, the current one by default."""
    platform = context.platform
    release = (
        platform.store.releases.get(app, version) if version else pipeline.deployed(platform, app)
    )
    names = pushing.push(platform, app, release, context.console, context.caller.name)
    context.console.heading(f"{app.name} {release.name} is {names[0]}")


def repository(text: str) -> str:
    """`team/app`."""
    found = reference.parse(text)
    if found.domain or found.tag or found.digest:
        raise UsageError(f"{text[:80]!r} is not a repository", "write it like team/app")
    return text


def template(text: str) -> str:
    """`team/{{ .AppName }}`."""
    repository(pushing.APP_NAME.sub("app", text))
    return text


def server(text: str) -> str:
    registries.server_name(text)
    return text.rstrip("/")


def tags(text: str) -> str:
    return ",".join(reference.tag(one.strip()) for one in text.split(","))


def values(context: Context, app: App | None) -> dict[str, str]:
    """What pushes come to, and where there are logins: their names only."""
    logins = context.platform.store.registries
    shared = ",".join(logins.servers(None))
    if app is None:
        return {"global-auth-servers": shared}
    own = logins.servers(app)
    get = context.platform.store.properties.get
    every = sorted({*own, *logins.servers(None)})
    host = pushing.server(context.platform, app)
    return {
        "auth-servers": ",".join(own),
        "global-auth-servers": shared,
        "computed-auth-servers": ",".join(every),
        "computed-reference": f"{host}/{pushing.repository(context.platform, app)}".lstrip("/"),
        "tag-version": get(app, pushing.NAMESPACE, "tag-version") or "",
    }


report.register(
    report.Namespace(
        "registry",
        "registry",
        "where releases are pushed to",
        values,
        properties=(
            report.Property(
                "image-repo",
                "the app's repository, such as team/app",
                repository,
                has_global=False,
            ),
            report.Property(
                "image-repo-template",
                "the repository of apps without one, such as team/{{ .AppName }}",
                template,
            ),
            report.Property("push-extra-tags", "more tags of each release, parted by commas", tags),
            report.Property(
                "push-on-release",
                "true: releases are pushed once they serve",
                one_of("true", "false"),
                lambda _: "false",
            ),
            report.Property("server", "the registry, such as ghcr.io; unset: Docker Hub", server),
        ),
    )
)
