"""backup: the whole platform in one archive, now or by a schedule."""

from pathlib import Path

import click

from paas.backup import head, restoring, scheduled, shelf
from paas.backup.files import archive_at
from paas.backup.making import Wish
from paas.backup.passphrase import passphrase_in
from paas.commands import archives, report
from paas.commands.archives import (
    file_argument,
    logs_option,
    passphrase_file_option,
    passphrase_stdin_option,
)
from paas.commands.context import Context
from paas.commands.parameters import APP, FILE, TEXT, Checked, format_option, one_of, whole_number
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.errors import UsageError
from paas.model import cron, moments
from paas.model.app import App

CRON = Checked("cron", cron.expression)


@command("backup", Permission.ADMIN)
@file_argument
@click.option("--app", "app", type=APP, help="Only this app.")
@click.option("--with-images", is_flag=True, help="Images too, so that nothing is built again.")
@logs_option
@passphrase_file_option
@passphrase_stdin_option
@format_option
def backup(
    context: Context,
    file: str | None,
    app: App | None,
    with_images: bool,
    with_logs: bool,
    passphrase_file: str | None,
    passphrase_stdin: bool,
    format_: str,
) -> None:
    """Put the platform into one archive while it runs: apps, config, repositories, volumes, keys.

    Over SSH the archive is what comes out. On the server it goes to FILE, readable by root
    alone, or to the folder that backup:list shows; `-` stands for standard output.
    """
    secret = archives.passphrase(context, passphrase_file, given=passphrase_stdin)
    wish = Wish(app.name if app else None, with_images, with_logs, secret)
    archives.make(context, wish, file, format_)


@command("backup:list", Permission.ADMIN)
@format_option
def list_backups(context: Context, format_: str) -> None:
    """List the backups in the server's folder, newest first; backup:verify reads one wholly."""
    found = shelf.kept(context.platform)
    if format_ == "json":
        context.console.json([described(one) for one in found])
        return
    context.console.heading(f"Backups in {shelf.folder(context.platform)}")
    rows = [
        (one.path.name, moments.second(one.made_at), f"{one.bytes / (1 << 20):,.1f} MiB",
         "yes" if one.sealed else "no", one.problem or "whole")
        for one in found
    ]  # fmt: skip
    if rows:
        context.console.table(("FILE", "MADE (UTC)", "SIZE", "ENCRYPTED", "STATE"), rows)


def described(one: shelf.Kept) -> dict[str, object]:
    """A backup for programs."""
    return {
        "file": str(one.path),
        "made_at": moments.iso(one.made_at),
        "bytes": one.bytes,
        "scheduled": one.scheduled,
        "encrypted": one.sealed,
        "problem": one.problem,
    }


@command("backup:verify", Permission.ADMIN)
@click.argument("file", type=TEXT, metavar="FILE|NAME|-")
@passphrase_file_option
@passphrase_stdin_option
@format_option
def verify(
    context: Context,
    file: str,
    passphrase_file: str | None,
    passphrase_stdin: bool,
    format_: str,
) -> None:
    """Read a backup to its end: every hash, every part, and whether its database fits together.

    It is a file, the name of one that backup:list shows, or `-` for standard input.
    """
    secret = archives.passphrase(context, passphrase_file, given=passphrase_stdin)
    said = archives.progress(context.console)
    names = {one.path.name: one.path for one in shelf.kept(context.platform)}
    opened = archive_at(names[file]) if file in names else archives.archive(context, file)
    with opened as archive:
        found = restoring.verify(context.platform, archive, secret, said)
    values = contents(found)
    if format_ == "json":
        context.console.json(values)
        return
    context.console.heading("The backup is whole")
    for key, value in values.items():
        text = shown(value)
        context.console.line(f"       {(key.replace('_', ' ') + ':').ljust(14)} {text}".rstrip())


def contents(found: head.Checked) -> dict[str, object]:
    """What a backup says of itself."""
    told, manifest = found.head, found.manifest
    return {
        "kind": told.kind,
        "created_at": told.created_at,
        "host": told.host,
        "paas": told.paas,
        "domain": told.settings.get("domain"),
        "apps": [one.name for one in told.apps],
        "with_images": [one.name for one in told.apps if one.whole],
        "sections": {name: count.bytes for name, count in manifest.sections.items()},
        "left_out": list(manifest.left_out),
        "unsteady": list(manifest.unsteady),
    }


def shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {size / (1 << 20):,.1f} MiB" for name, size in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@command("backup:schedule", Permission.ADMIN)
@click.argument("cron_", type=CRON, metavar="CRON")
@click.option("--keep", type=click.IntRange(1, 1000), help="How many scheduled ones stay.")
@click.option("--directory", type=FILE, help="An existing folder of the server's.")
@click.option("--with-images", is_flag=True, help="Images too, so that nothing is built again.")
@logs_option
@passphrase_file_option
def schedule(
    context: Context,
    cron_: str,
    keep: int | None,
    directory: str | None,
    with_images: bool,
    with_logs: bool,
    passphrase_file: str | None,
) -> None:
    """Make backups by themselves, such as "0 3 * * *" for every night at three.

    Each one is read back before the oldest goes. The time is the server's own.
    """
    wanted = {
        "schedule": cron_,
        "keep": str(keep or scheduled.KEEP),
        "directory": existing_folder(directory) if directory else None,
        "with-images": "true" if with_images else None,
        "with-logs": "true" if with_logs else None,
        "passphrase-file": readable_passphrase(passphrase_file) if passphrase_file else None,
    }
    due = scheduled.change(context.platform, wanted)
    context.record("backup", f"Schedule {cron_}")
    context.console.step(f"The next backup is made at {due:%Y-%m-%d %H:%M %z}")


@command("backup:unschedule", Permission.ADMIN)
def unschedule(context: Context) -> None:
    """Make no more backups by themselves; those that are there stay."""
    context.platform.store.properties.set(None, shelf.NAMESPACE, "schedule", None)
    context.record("backup", "No schedule")
    context.console.step("Backups are made only when somebody asks")


# -- settings ----------------------------------------------------------------------------


def existing_folder(text: str) -> str:
    if not text.startswith("/") or not Path(text).is_dir():
        raise UsageError(f"{text[:200]} is not a folder of the server's", "make it first")
    return text


def readable_passphrase(text: str) -> str:
    if not text.startswith("/"):
        raise UsageError(f"{text[:200]} is not an absolute path")
    passphrase_in(Path(text))
    return text


def values(context: Context, app: App | None) -> dict[str, str]:
    """What is known of runs; apps have no schedule of their own."""
    if app is not None:
        return {}
    platform = context.platform
    current = scheduled.current(platform)
    get = platform.store.properties.get
    return {
        "next-run": f"{scheduled.due_at(platform, current):%Y-%m-%dT%H:%M:%S%z}" if current else "",
        "last-run": get(None, scheduled.RUNS, "last-run") or "",
        "last-result": get(None, scheduled.RUNS, "last-result") or "",
    }


def scheduled_anew(context: Context, _app: App | None) -> None:
    """A time that is set now is not one that was missed."""
    scheduled.remember(context.platform, since=scheduled.now())


TRUTH = one_of("true", "false")
report.register(
    report.Namespace(
        "backup",
        "backup",
        "when backups are made, and how the last one went",
        values,
        properties=tuple(
            report.Property(key, words, check, default, has_app=False)
            for key, words, check, default in (
                ("schedule", 'when they are made, as cron has it: "0 3 * * *"', cron.expression,
                 lambda _: ""),
                ("keep", "how many scheduled ones stay", whole_number(1, 1000, "backups"),
                 lambda _: str(scheduled.KEEP)),
                ("directory", "where they go", existing_folder,
                 lambda context: str(shelf.default_folder(context.platform.settings))),
                ("with-images", "whether they have images, true or false", TRUTH,
                 lambda _: "false"),
                ("with-logs", "whether they have logs, true or false", TRUTH, lambda _: "false"),
                ("passphrase-file", "a file with the passphrase they are encrypted with",
                 readable_passphrase, lambda _: ""),
            )
        ),
        when_set=scheduled_anew,
        permission=Permission.ADMIN,
        set_permission=Permission.ADMIN,
    )
)  # fmt: skip
