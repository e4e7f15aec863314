"""storage: volumes that outlive containers, made, looked at, changed and destroyed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from paas.commands.context import Context
from paas.commands.parameters import TEXT, Checked, format_option, printable
from paas.commands.permissions import Permission, allowed
from paas.commands.registry import command
from paas.commands.run import command_argument, command_line
from paas.deploy import volume_copies, volume_shell, volumes
from paas.deploy.images import catalogue
from paas.errors import PaasError, PermissionDenied, UsageError
from paas.model import volume as rules
from paas.model.limits import show_bytes
from paas.model.volume import Volume

SCHEDULER = "docker-local"  # what dokku calls volumes of one machine
VOLUME = Checked("name", lambda text: rules.volume_name(text, made=True))
NEW_VOLUME = Checked("name", rules.volume_name)
OWNER = Checked("owner", rules.owner_word)
MODE = Checked("mode", rules.folder_mode)
SIZE = Checked("size", rules.size)

volume_argument = click.argument("name", type=VOLUME)
owner_option = click.option(
    "--chown", "owner", type=OWNER, help="Whom its first folder belongs to: heroku, root, a uid."
)
mode_option = click.option("--mode", type=MODE, help="The mode of its first folder, such as 0750.")
size_option = click.option(
    "--size", "size_bytes", type=SIZE, help="A filesystem of its own, of this size, such as 2g."
)


def pairs(_: click.Context, __: click.Parameter, words: Sequence[str]) -> dict[str, str]:
    """`key=value` words as a mapping."""
    found = {}
    for word in words:
        key, equals, value = printable(word, "a label").partition("=")
        if not equals or not key:
            raise UsageError(f"expected key=value, got {word[:80]!r}")
        found[key] = value
    return rules.labels(found)


label_option = click.option(
    "--label", "labels", multiple=True, callback=pairs, metavar="KEY=VALUE", help="A label."
)
annotation_option = click.option(
    "--annotation", "annotations", multiple=True, callback=pairs, metavar="KEY=VALUE",
    help="An annotation.",
)  # fmt: skip
scheduler_option = click.option(
    "--scheduler", type=click.Choice([SCHEDULER]), help="Taken for dokku's sake."
)


@command("storage:create", Permission.WRITE)
@click.argument("name", type=NEW_VOLUME)
@click.argument("path", type=Checked("path", rules.host_path), required=False)
@size_option
@owner_option
@mode_option
@label_option
@annotation_option
@scheduler_option
def create(
    context: Context,
    name: str,
    path: str | None,
    size_bytes: int | None,
    owner: str | None,
    mode: str | None,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    scheduler: str | None,  # noqa: ARG001 - there is one
) -> None:
    """Make a volume, or change one that is there: a folder that outlives every container.

    Without PATH the platform keeps it; PATH is a folder of the server, below one that the
    setting storage_roots names. With --size it has a filesystem of its own, which cannot
    take more than that of the disk.
    """
    wanted = Volume(name, path or "", size_bytes, owner or "", mode or "", labels, annotations)
    refuse_senseless(context, wanted)
    found = context.platform.store.volumes.find(name)
    if found is not None:
        wanted = redefined(found, wanted)
        context.console.step(f"Storage entry {name} already exists, leaving in place")
    new = context.platform.volumes.make(wanted)
    if new or owner or mode:
        uid = wanted.uid if new or owner else None
        context.platform.volumes.give(wanted, uid, wanted.mode if new or mode else "")
    context.platform.store.volumes.set(wanted)
    context.record("storage", f"Create volume {name}")
    context.console.step(f"Storage entry {name} created")


def refuse_senseless(context: Context, wanted: Volume) -> None:
    """What a volume on a path of the host cannot have, and whom it is not for."""
    if not wanted.host_path:
        return
    if not allowed(context.caller, Permission.ADMIN):
        raise PermissionDenied("folders of the server are for administrators to give")
    if wanted.size_bytes:
        raise UsageError("--size is for volumes without a path", "leave the path out")
    context.platform.volumes.place(wanted)


def redefined(found: Volume, wanted: Volume) -> Volume:
    """A volume made again: what is given holds, what is not stays."""
    if wanted.host_path not in ("", found.host_path):
        raise PaasError(f"storage entry {found.name} has another path: {found.host_path or 'none'}")
    if wanted.size_bytes not in (None, found.size_bytes):
        raise PaasError(
            f"storage entry {found.name} has another size", f"storage:set {found.name} size SIZE"
        )
    return replace(
        found,
        owner=wanted.owner or found.owner,
        mode=wanted.mode or found.mode,
        labels=wanted.labels or found.labels,
        annotations=wanted.annotations or found.annotations,
    )


@command("storage:destroy", Permission.WRITE)
@volume_argument
@click.option(
    "--destroy-host-dir", "files_too", is_flag=True, help="Delete its files and snapshots, too."
)
def destroy(context: Context, name: str, files_too: bool) -> None:
    """Forget a volume that no app has mounted; its files stay unless they are to go as well.

    storage:create with the same name has the files back.
    """
    platform = context.platform
    volume = platform.store.volumes.get(name)
    if files_too and volume.host_path:
        raise PaasError(
            f"{volume.host_path} is a folder of the server", "delete it as you delete other folders"
        )
    refuse_used(context, volume)
    consequence = "and delete its files and snapshots" if files_too else "and leave its files"
    context.confirm(name, f"This command will destroy storage entry {name} {consequence}.")
    refuse_used(context, volume)
    platform.store.volumes.remove(name)
    if files_too:
        volume_copies.remove_all(platform, name)
        platform.volumes.remove(name)
    elif not volume.host_path:
        platform.volumes.detach(name)
    words = " with its files" if files_too else ""
    context.record("storage", f"Destroy volume {name}{words}")
    context.console.step(f"Storage entry {name} destroyed")
    if not files_too:
        place = platform.volumes.disk(name) if volume.size_bytes else platform.volumes.root / name
        context.console.detail(f"Its files stay: {volume.host_path or place}")


def refuse_used(context: Context, volume: Volume) -> None:
    """PaasError while an app has it mounted, or a container has it still."""
    using = context.platform.store.volumes.used_by(volume.name)
    if using:
        raise PaasError(
            f'storage entry "{volume.name}" is still mounted by app(s): {", ".join(using)}',
            f"storage:unmount {using[0]} {volume.name}",
        )
    refuse_running(context, volume, "destroyed")


def refuse_running(context: Context, volume: Volume, what: str) -> None:
    """PaasError while a container has it that does not end by itself."""
    users = volumes.free(context.platform, volume, context.console)
    if users:
        raise PaasError(
            f"{volume.name} cannot be {what} while {volumes.words(users)} has it",
            f"restart or stop what has it first: ps:stop {users[0].app}",
        )


# -- looking --------------------------------------------------------------------------------


def described(context: Context, volume: Volume) -> dict[str, Any]:
    """A volume for programs, with dokku's keys first."""
    platform = context.platform
    own: dict[str, Any] = {
        "name": volume.name,
        "scheduler": SCHEDULER,
        "host_path": volume.host_path or str(platform.volumes.root / volume.name),
        "size": show_bytes(volume.size_bytes) if volume.size_bytes else "",
        "chown": volume.owner,
        "mode": volume.mode,
        "annotations": dict(volume.annotations),
        "labels": dict(volume.labels),
    }
    kept = {key: value for key, value in own.items() if value not in ("", {})}
    return {
        **kept,
        "schema_version": 1,
        "size_bytes": volume.size_bytes,
        "mounted_by": list(platform.store.volumes.used_by(volume.name)),
    }


@command("storage:list-entries", Permission.READ)
@scheduler_option
@format_option
def list_entries(context: Context, scheduler: str | None, format_: str) -> None:  # noqa: ARG001
    """List every volume, with who has it mounted."""
    found = [described(context, one) for one in context.platform.store.volumes.list()]
    if format_ == "json":
        context.console.json(found)
        return
    if not found:
        context.console.step("No storage entries registered")
        return
    context.console.step("Storage entries:")
    context.console.table(
        ("       NAME", "SIZE", "HOST PATH", "MOUNTED BY"),
        [
            (f"       {one['name']}", one.get("size", "-"), one["host_path"],
             ", ".join(one["mounted_by"]) or "-")
            for one in found
        ],
    )  # fmt: skip


@command("storage:info", Permission.READ)
@volume_argument
@format_option
def info(context: Context, name: str, format_: str) -> None:
    """Show a volume: where it is, how much it holds, who has it mounted."""
    platform = context.platform
    volume = platform.store.volumes.get(name)
    values = described(context, volume)
    values["used_bytes"] = platform.volumes.used_bytes(volume)
    values["snapshots"] = [one.name for one in volume_copies.snapshots(platform, name)]
    if format_ == "json":
        context.console.json(values)
        return
    context.console.step(f"Storage entry {name}")
    for label, value in shown(values):
        context.console.line(f"       {label + ':':<18}{value}".rstrip())


def shown(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Labels and values for people."""
    rows = [
        ("Scheduler", values["scheduler"]),
        ("Host path", values["host_path"]),
        ("Size", values.get("size", "")),
        ("Used", "" if values["used_bytes"] is None else show_bytes(values["used_bytes"])),
        ("Chown", values.get("chown", "")),
        ("Mode", values.get("mode", "")),
        ("Mounted by", ", ".join(values["mounted_by"])),
        ("Snapshots", ", ".join(values["snapshots"])),
        *((f"Label {key}", value) for key, value in values.get("labels", {}).items()),
        *((f"Annotation {key}", value) for key, value in values.get("annotations", {}).items()),
    ]
    return [(label, str(value)) for label, value in rows if value != ""]


@command("storage:wait", Permission.READ)
@volume_argument
def wait(context: Context, name: str) -> None:
    """Return once a volume can be mounted: here that is so from the start."""
    volume = context.platform.store.volumes.get(name)
    volumes.ready(context.platform, volume)
    if not context.platform.volumes.place(volume).path.is_dir():
        path = context.platform.volumes.place(volume).path
        raise PaasError(f'storage entry "{name}" host path {path} is not present')
    context.console.step(f"Storage entry {name} is bound")


# -- changing -------------------------------------------------------------------------------


PROPERTIES = ("size", "chown", "mode")
NOT_HERE = ("access-mode", "storage-class-name", "namespace", "reclaim-policy")


@command("storage:set", Permission.WRITE)
@volume_argument
@click.argument("property_", type=str, required=False, metavar="[PROPERTY]")
@click.argument("value", type=str, required=False)
@click.option("--size", type=str, help="The same as the property, as dokku had it first.")
@click.option("--chown", type=str, help="Likewise.")
@click.option("--mode", type=str, help="Likewise.")
def set_property(
    context: Context, name: str, property_: str | None, value: str | None, **flags: str | None
) -> None:
    """Change a volume: its size (it can grow), the owner or the mode of its first folder.

    size: such as 4g. chown: heroku, root, a uid. mode: such as 0750. Without a value, what
    was set is forgotten, and nothing done.
    """
    changes = {key: text for key, text in flags.items() if text is not None}
    if property_ and changes:
        raise UsageError("storage:set accepts either a property and a value or flags, not both")
    if not property_ and not changes:
        raise UsageError("No property specified", f"properties: {', '.join(PROPERTIES)}")
    wanted: dict[str, str | None] = {property_: value} if property_ else dict(changes)
    volume = context.platform.store.volumes.get(name)
    for key, text in wanted.items():
        volume = changed(context, volume, key, text)
    context.platform.store.volumes.set(volume)
    context.record("storage", f"Set {', '.join(wanted)} of volume {name}")
    context.console.step(f"Storage entry {name} updated")


def changed(context: Context, volume: Volume, key: str, text: str | None) -> Volume:
    """The volume with one property changed, on the disk too."""
    if key in NOT_HERE:
        raise PaasError(f"storage:set cannot change {key} in place: it means nothing here")
    if key not in PROPERTIES:
        raise UsageError(
            f"Invalid property specified, valid properties include: {', '.join(PROPERTIES)}"
        )
    if key == "size":
        return grown(context, volume, text)
    place = context.platform.volumes
    volumes.ready(context.platform, volume)
    if key == "chown":
        volume = replace(volume, owner=rules.owner_word(text) if text else "")
        if text:
            place.give(volume, volume.uid)
        return volume
    volume = replace(volume, mode=rules.folder_mode(text) if text else "")
    place.give(volume, None, volume.mode)
    return volume


def grown(context: Context, volume: Volume, text: str | None) -> Volume:
    wanted = rules.size(text or "")
    if not volume.size_bytes:
        raise PaasError(
            f"{volume.name} has no size: its files are in a plain folder",
            "make one with a size, and copy the files: storage:create, storage:exec",
        )
    if wanted < volume.size_bytes:
        raise PaasError(
            f"{volume.name} has {show_bytes(volume.size_bytes)}: a volume grows, and never shrinks"
        )
    context.platform.disk.admit(f"more room for {volume.name}")
    used = bool(volumes.free(context.platform, volume, context.console))
    context.platform.volumes.grow(volume, wanted, used=used)
    return replace(volume, size_bytes=wanted)


@command("storage:exec", Permission.SECRETS, passthrough=True)
@click.option("--as-user", "uid", type=click.IntRange(0, 65535), help="The uid it runs as.")
@click.option(
    "--image", type=TEXT, help="What the container is of: a name, APP or APP:v7; else the stack."
)
@volume_argument
@command_argument
def execute(
    context: Context, name: str, words: Sequence[str], uid: int | None, image: str | None
) -> int:
    """Run a command, or a shell, in a container that has the volume at /data.

    It runs as root of that container, or as the owner that --chown gave the volume.
    """
    volume = context.platform.store.volumes.get(name)
    line = command_line(words, required=False)
    owner = volume.uid if volume.owner else None
    chosen = uid if uid is not None else owner or 0
    of = catalogue.of_words(context.platform, image).image if image is not None else None
    return volume_shell.execute(context.platform, volume, line, chosen, context.console, of)
