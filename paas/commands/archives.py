"""What the commands about archives share: their files, their passphrases, how far they are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from paas.backup import making, shelf
from paas.backup.files import archive_at, archive_given
from paas.backup.making import Wish
from paas.backup.passphrase import passphrase_given, passphrase_in
from paas.commands.context import Context
from paas.commands.parameters import FILE
from paas.console import Console
from paas.errors import UsageError

STREAM = "-"
file_argument = click.argument("file", type=FILE, required=False, metavar="[FILE|-]")
passphrase_file_option = click.option(
    "--passphrase-file", type=FILE, metavar="FILE",
    help="Encrypted with the first line of this file of the server's.",
)  # fmt: skip
passphrase_stdin_option = click.option(
    "--passphrase-stdin", is_flag=True,
    help="Encrypted with the first line of standard input; the rest is the backup.",
)  # fmt: skip
logs_option = click.option("--with-logs", is_flag=True, help="The logs of apps and builds too.")


def progress(console: Console) -> Console:
    """The same caller, all that is said going to standard error."""
    aside = Console(console.stdin, console.stderr, console.stderr, quiet=console.quiet)
    console.on_cancel(aside.cancel)
    return aside


def path_of(context: Context, text: str) -> Path:
    """A file of this machine, which only its own root may name; from where the caller is."""
    if not context.local:
        raise UsageError(
            "a file is named only by the machine's own root",
            "send or take what is in it instead, on standard input or output",
        )
    here = context.console.environment.get("PWD")
    if not here and not text.startswith("/"):
        raise UsageError(f"{text} is named from a folder that is not there", "give its whole path")
    return Path(here or "/") / text


def passphrase(context: Context, file: str | None, *, given: bool) -> str | None:
    """The passphrase of a file or of standard input; None where neither is wanted."""
    if file and given:
        raise UsageError("give --passphrase-file or --passphrase-stdin, not both")
    if file:
        return passphrase_in(path_of(context, file))
    return passphrase_given(context.console) if given else None


@contextmanager
def archive(context: Context, file: str | None) -> Iterator[int]:
    """A descriptor of the archive in a file, or on standard input."""
    if file in (None, STREAM):
        settings = context.platform.settings
        left_free = settings.disk_full_bytes
        with archive_given(context.console, settings.state_dir, left_free) as descriptor:
            yield descriptor
    else:
        with archive_at(path_of(context, str(file))) as descriptor:
            yield descriptor


def make(
    context: Context, wish: Wish, file: str | None, format_: str, shelf_too: bool = True
) -> None:
    """Make a backup where it is wanted, and tell what is in it."""
    said, platform, actor = progress(context.console), context.platform, context.caller.name
    if file == STREAM or (file is None and not (context.local and shelf_too)):
        if context.console.is_output_terminal:
            raise UsageError("a backup is not for terminals", "send it to a file: ... > FILE")
        done = making.to_descriptor(platform, wish, context.console.stdout, said, actor)
        tell(said.json if format_ == "json" else None, said, done)
        return
    path = (
        path_of(context, file)
        if file
        else shelf.new_path(platform, scheduled=False, sealed=wish.passphrase is not None)
    )
    done = making.to_file(platform, wish, path, said, actor)
    tell(context.console.json if format_ == "json" else None, said, done)


def tell(as_json: Callable[[Any], None] | None, said: Console, done: dict[str, Any]) -> None:
    """What was made: for programs, or for people, with what they should know of it."""
    if as_json is not None:
        as_json(done)
        return
    for text in done["left_out"]:
        said.detail(f"left out: {text}")
    for path in done["unsteady"]:
        said.warn(f"{path} changed whenever it was copied: it may be torn")
    where = f" to {done['file']}" if "file" in done else ""
    said.heading(f"Backup of {making.size(done)}{where}")
