"""git:from-archive, git:sync and deploy: apps deployed from what is no push."""

from collections.abc import Sequence

import click

from paas.commands.context import Context
from paas.commands.parameters import NEW_APP, TEXT, app_argument
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import archive, sync
from paas.deploy.archive import Archive
from paas.deploy.sync import Build, Followed
from paas.errors import UsageError
from paas.model import address
from paas.model.app import App
from paas.settings import hostname

STANDARD_INPUT = "-"
KINDS = ("tar", "tar.gz", "tar.bz2", "tar.xz", "zip")


@command("git:from-archive", Permission.WRITE)
@app_argument
@click.argument("words", type=TEXT, nargs=-1, metavar="[URL|-] [AUTHOR] [EMAIL]")
@click.option("--archive-type", type=click.Choice(KINDS), help="What it is; found by itself.")
def from_archive(
    context: Context, app: App, words: Sequence[str], archive_type: str | None
) -> None:
    """Deploy the files of a tar or zip, of an address or on standard input (-).

    One folder that all of them lie in is left out. The files become a commit of AUTHOR on
    the branch that deploys, and everything goes on as after a push.
    """
    url, by = told_apart(words)
    if url is None:
        expect_input(context, f"curl ... | ssh ... git:from-archive {app.name} -")
    where = address.archive(url) if url else None
    wanted = Archive(where, archive_type or "", author(context, by))
    archive.deploy(context.platform, app.name, wanted, context.caller, context.console)


def told_apart(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """The address (None: standard input) and who the author is.

    `--` in the address's place, as dokku has it, never gets here: then two words are the author.
    """
    if len(words) > 3:
        raise UsageError("give an address, the author's name and the author's e-mail at most")
    if not words or (len(words) == 2 and "://" not in words[0] and "@" in words[1]):
        return None, words
    return (None if words[0] == STANDARD_INPUT else words[0]), words[1:]


def author(context: Context, words: Sequence[str]) -> str:
    """`Name <email>`, of the caller where nobody is named."""
    name = words[0] if words else context.caller.name
    email = words[1] if len(words) > 1 else f"{context.caller.name}@{hostname()}"
    for text in (name, email):
        if not text.strip() or set("<>") & set(text):
            raise UsageError(f"{text[:80]!r} is no name or e-mail of an author")
    return f"{name} <{email}>"


def expect_input(context: Context, example: str) -> None:
    if context.console.is_terminal:
        raise UsageError("no archive comes in", example)


@command("deploy", Permission.WRITE)
@click.argument("app", type=NEW_APP)
def deploy(context: Context, app: str) -> None:
    """Deploy a directory, no git needed: paas deploy [DIRECTORY] [--app APP].

    The client packs the directory, without what .gitignore, .paasignore and .slugignore
    leave out, and sends it here; with PAAS_HOST=paas@HOST:PORT over ssh. Without the
    client: tar -c . | ssh -p 2222 paas@HOST deploy APP. A first deploy makes the app.
    """
    expect_input(context, f"tar -c . | ssh ... deploy {app}")
    wanted = Archive(None, "", author(context, ()), strip=False)
    archive.deploy(context.platform, app, wanted, context.caller, context.console)


@command("git:sync", Permission.WRITE)
@app_argument
@click.argument("repository", type=TEXT, required=False)
@click.argument("ref", type=TEXT, required=False)
@click.option("--build", is_flag=True, help="Deploy what comes in.")
@click.option("--build-if-changes", is_flag=True, help="Deploy it unless it runs already.")
def sync_(
    context: Context,
    app: App,
    repository: str | None,
    ref: str | None,
    build: bool,
    build_if_changes: bool,
) -> None:
    """Fetch an app's code from a repository of http, https or ssh, and remember which.

    REF is a branch, a tag or a commit, the repository's own default when it is left out.
    Without REPOSITORY the one of last time is fetched again. git:set APP sync-every has it
    done by itself, git:webhook whenever the repository's server says so.
    """
    if build and build_if_changes:
        raise UsageError("give --build or --build-if-changes, not both")
    if repository:
        what = Followed(address.repository(repository), address.ref(ref) if ref else "")
        sync.follow(context.platform, app, what)
    when = Build.ALWAYS if build else Build.IF_CHANGED if build_if_changes else Build.NEVER
    sync.sync(context.platform, app.name, when, context.caller, context.console)
    if when is Build.NEVER:
        context.console.detail(f"to deploy it: paas git:sync {app.name} --build")
