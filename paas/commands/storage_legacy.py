"""storage, as dokku had it first: folders of the server, named by their paths."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from paas.commands.context import Context
from paas.commands.parameters import APP, Checked, all_option
from paas.commands.permissions import Permission, allowed
from paas.commands.registry import command
from paas.commands.storage import OWNER
from paas.errors import PaasError, PermissionDenied, UsageError
from paas.model import docker_mounts
from paas.model import volume as rules
from paas.model.app import App
from paas.model.docker_mounts import Wish
from paas.model.volume import PHASES, Attachment, Volume

DIRECTORY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62})")


def directory_name(text: str) -> str:
    if DIRECTORY.fullmatch(text) and ".." not in text:
        return text
    raise UsageError(
        f"{text[:80]!r} is not a name for a folder", "use letters, digits and . _ -, at most 63"
    )


def attachment(context: Context, app: App, text: str) -> Attachment:
    """A mount in the older form, not yet kept; the folder's volume is made when there is none."""
    found = docker_mounts.short(text)
    wanted = found.attachment()
    if any(one.key == wanted.key for one in context.platform.store.volumes.mounts(app)):
        raise PaasError("Mount path already exists.", f"see storage:list {app.name}")
    have_folder(context, found)
    return wanted


def have_folder(context: Context, found: Wish) -> None:
    """Have a volume for a folder of the server, if it is one that is wanted."""
    store = context.platform.store.volumes
    if found.is_folder and store.find(found.name) is None:
        store.set(folder(context, found))


def folder(context: Context, found: Wish) -> Volume:
    """A volume for a folder of the server that is there."""
    if not allowed(context.caller, Permission.ADMIN):
        raise PermissionDenied("folders of the server are for administrators to give")
    volume = Volume(found.name, found.source, owner=rules.NOT_OWNED)
    if not context.platform.volumes.place(volume).path.is_dir():
        raise PaasError(
            f"{found.source} is not a folder of this server",
            "make it first: storage:ensure-directory NAME",
        )
    return volume


@command("storage:ensure-directory", Permission.ADMIN)
@click.argument("directory", type=Checked("directory", directory_name))
@click.option(
    "--chown", "owner", type=OWNER, default="herokuish",
    help="Whom it belongs to: herokuish, heroku, paketo, root, a uid, or false.",
)  # fmt: skip
def ensure_directory(context: Context, directory: str, owner: str) -> None:
    """Make a folder below the first of storage_roots, for dokku's sake: see storage:create."""
    platform = context.platform
    roots = platform.settings.storage_roots
    if not roots:
        raise PaasError("no folder of this server may be mounted", "use storage:create NAME")
    path = Path(roots[0]) / directory
    volume = Volume(directory, str(path), owner=owner)
    context.console.step(f"Ensuring {path} exists")
    platform.volumes.make(volume)
    if volume.uid is not None:
        context.console.detail(f"Setting directory ownership to {volume.uid}:{volume.uid}")
        platform.volumes.give(volume, volume.uid)
    context.record("storage", f"Make folder {path}")
    context.console.detail("Directory ready for mounting")


@command("storage:migrate", Permission.WRITE)
@click.argument("app", type=APP, required=False)
@all_option
def migrate(context: Context, app: App | None, every: bool) -> None:
    """Make mounts of the -v options that an app has in docker-options, or every app."""
    if bool(app) == every:
        raise UsageError("storage:migrate requires an app name, or --all")
    apps = context.platform.store.apps.list() if app is None else [app]
    for one in apps:
        migrate_app(context, one)
    context.console.step(f"Re-migrated {app.name if app else f'{len(apps)} app(s)'}")


def migrate_app(context: Context, app: App) -> None:
    store = context.platform.store
    with store.together():
        for phase in PHASES:
            options = store.docker_options.list(app, phase)
            moved = [one for one in options if volume_text(one)]
            for one in moved:
                take_over(context, app, volume_text(one))
            if moved:
                rest: Sequence[str] = [one for one in options if one not in moved]
                store.docker_options.set(app, phase, rest)


def volume_text(option: str) -> str:
    """What follows -v; "" for another option."""
    words = shlex.split(option)
    return words[1] if words[0] in ("--volume", "-v") and len(words) == 2 else ""


def take_over(context: Context, app: App, text: str) -> None:
    """Keep a mount in both phases, unless it is kept already."""
    store = context.platform.store.volumes
    try:
        wanted = attachment(context, app, text)
    except PaasError as error:
        if error.message.startswith("Mount path already exists"):
            return
        raise
    rules.refuse_overlaps([*store.mounts(app), wanted])
    store.mount(app, [*store.mounts(app), wanted])
    context.record("storage", f"Mount {wanted.volume} at {wanted.path}", app)
