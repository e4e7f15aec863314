"""storage: where apps have volumes mounted. A change takes effect when processes next start."""

import json
from collections.abc import Sequence
from typing import Any

import click

from paas.commands import report, storage_legacy
from paas.commands.context import Context
from paas.commands.parameters import PROCESS_TYPE, Checked, app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.commands.storage import OWNER
from paas.deploy import volumes
from paas.errors import PaasError, UsageError
from paas.model import docker_mounts
from paas.model import volume as rules
from paas.model.app import App
from paas.model.volume import PHASES, Attachment

JSON_BYTES = 1 << 20


def volume_or_path(text: str) -> str:
    """A volume's name, or dokku's older form host-path:container-path[:options]."""
    return text if ":" in text else rules.volume_name(text, made=True)


MOUNTED = Checked("volume", volume_or_path)
DIRECTORY = Checked("path", rules.container_path)
directory_option = click.option(
    "--container-dir", "path", type=DIRECTORY, help="Where containers find it, such as /data."
)


@command("storage:mount", Permission.WRITE)
@app_argument
@click.argument("volume", type=MOUNTED, metavar="NAME|HOST-PATH:PATH[:OPTIONS]")
@directory_option
@click.option("--phase", "phases", multiple=True, type=click.Choice(PHASES),
              help="Only in processes (deploy), or only in one-off runs (run).")  # fmt: skip
@click.option("--process-type", type=PROCESS_TYPE, help="Only for processes of this type.")
@click.option("--volume-subpath", "subpath", type=Checked("path", rules.subpath), default="",
              help="A folder within the volume.")  # fmt: skip
@click.option("--volume-readonly", "read_only", is_flag=True, help="Nobody may write to it.")
@click.option("--volume-chown", "owner", type=OWNER, help="Whom the mounted folder belongs to.")
@click.option("--volume-options", "options", type=Checked("options", rules.mount_options),
              default="", help="Such as ro,noexec.")  # fmt: skip
def mount(
    context: Context,
    app: App,
    volume: str,
    path: str | None,
    phases: Sequence[str],
    process_type: str | None,
    subpath: str,
    read_only: bool,
    owner: str | None,
    options: str,
) -> None:
    """Mount a volume in an app's containers, from their next start on.

    The same volume at the same path again changes how it is mounted.
    """
    if ":" in volume:
        wanted = storage_legacy.attachment(context, app, volume)
    elif path is None:
        raise UsageError("--container-dir is required when mounting a named storage entry")
    else:
        wanted = Attachment(
            volume, path, rules.phases(phases), process_type or "", subpath,
            read_only=read_only or "ro" in options.split(","), options=options, owner=owner or "",
        )  # fmt: skip
    new = put(context, app, wanted)
    words = "mounted at" if new else "mount at"
    done = "" if new else " updated"
    context.record("storage", f"Mount {wanted.volume} at {wanted.path}", app)
    text = f"Storage entry {wanted.volume} {words} {wanted.path} on {app.name}{done}"
    context.console.step(text)
    context.console.detail(f"Processes have it when they next start: paas ps:restart {app.name}")


def put(context: Context, app: App, wanted: Attachment) -> bool:
    """Add a mount, or change the one that is there; whether it is new."""
    store = context.platform.store
    store.volumes.get(wanted.volume)
    own(context, wanted)
    with store.together():
        have = store.volumes.mounts(app)
        others = [one for one in have if one.key != wanted.key]
        keep(context, app, [*others, wanted])
    return len(others) == len(have)


def keep(context: Context, app: App, wanted: Sequence[Attachment]) -> None:
    """Have these be the mounts of an app, of volumes that are there."""
    rules.refuse_overlaps(wanted)
    for one in wanted:
        context.platform.store.volumes.get(one.volume)
    context.platform.store.volumes.mount(app, wanted)


def own(context: Context, wanted: Attachment) -> None:
    """See that it can be mounted, and give its folder to whom it shall belong."""
    platform = context.platform
    volumes.mount(platform, wanted)
    if wanted.owner and (uid := rules.owner_id(wanted.owner)) is not None:
        volume = platform.store.volumes.get(wanted.volume)
        platform.volumes.give(volume, uid, beneath=wanted.subpath)


@command("storage:unmount", Permission.WRITE)
@app_argument
@click.argument("volume", type=MOUNTED, metavar="NAME|HOST-PATH:PATH")
@directory_option
def unmount(context: Context, app: App, volume: str, path: str | None) -> None:
    """Unmount a volume from an app; its containers have it until they are replaced."""
    name, wanted = volume, path
    if ":" in volume:
        older = docker_mounts.short(volume)
        name, wanted = older.name, older.path
    store = context.platform.store
    with store.together():
        have = store.volumes.mounts(app)
        gone = matching(have, app, volume, name, wanted)
        store.volumes.mount(app, [one for one in have if one not in gone])
        if name.startswith(rules.LEGACY) and not store.volumes.used_by(name):
            store.volumes.remove(name)  # it was made for the mount alone
    context.record("storage", f"Unmount {name}", app)
    context.console.step(f"Storage entry {name} unmounted from {app.name}")
    context.console.detail(f"Processes lose it when they next start: paas ps:restart {app.name}")


def matching(
    have: Sequence[Attachment], app: App, said: str, name: str, path: str | None
) -> Sequence[Attachment]:
    """The mounts of a volume, at a path or at the only one; PaasError when there is none."""
    found = [one for one in have if one.volume == name and path in (None, one.path)]
    paths = sorted({one.path for one in found})
    if not found:
        if ":" in said:
            raise PaasError("Mount path does not exist.", f"see storage:list {app.name}")
        where = f"mounted at {path}" if path else "mounted"
        raise PaasError(
            f'storage entry "{name}" is not {where} on app {app.name}',
            f"see storage:list {app.name}",
        )
    if len(paths) > 1:
        raise PaasError(
            f'storage entry "{name}" is mounted at multiple paths on app {app.name} '
            f"({', '.join(paths)})",
            "pass --container-dir to say which",
        )
    return found


# -- looking ----------------------------------------------------------------------------------


def host_path(context: Context, one: Attachment) -> str:
    """Where the mounted folder is on the server."""
    volume = context.platform.store.volumes.find(one.volume)
    if volume is None:
        return one.volume
    root = volume.host_path or str(context.platform.volumes.root / volume.name)
    return "/".join(filter(None, (root, one.subpath)))


def options_of(one: Attachment) -> str:
    """The options as `-v` has them."""
    words = [word for word in one.options.split(",") if word]
    return ",".join([*(["ro"] if one.read_only and "ro" not in words else []), *words])


@command("storage:list", Permission.READ)
@app_argument
@format_option
def list_mounts(context: Context, app: App, format_: str) -> None:
    """List an app's mounts: folder of the server, path in the containers."""
    found = context.platform.store.volumes.mounts(app)
    if format_ == "json":
        context.console.json([as_json(context, one) for one in found])
        return
    context.console.step(f"{app.name} volume bind-mounts:")
    for one in found:
        context.console.item(colon_form(context, one))


def as_json(context: Context, one: Attachment) -> dict[str, Any]:
    """A mount for programs: dokku's older keys, and those that storage:mounts:set takes."""
    return {
        "host_path": host_path(context, one),
        "container_path": one.path,
        "volume_options": options_of(one),
        "entry_name": one.volume,
        "phases": list(one.phases),
        "process_type": one.process_type or rules.EVERY_TYPE,
        "subpath": one.subpath,
        "readonly": one.read_only,
        "volume_chown": one.owner,
    }


def colon_form(context: Context, one: Attachment) -> str:
    options = options_of(one)
    return f"{host_path(context, one)}:{one.path}" + (f":{options}" if options else "")


# -- all of an app's at once ------------------------------------------------------------------


@command("storage:mounts:set", Permission.WRITE)
@app_argument
@click.argument("file", type=click.Choice(["-"]), required=False)
@click.option("--replace", is_flag=True, expose_value=False, hidden=True)
def set_mounts(context: Context, app: App, file: str | None) -> None:  # noqa: ARG001 - the only one
    """Have exactly the mounts that a JSON list on standard input says, as storage:list writes it.

    Each has entry_name and container_path, and if wanted phases, process_type, subpath,
    readonly, volume_options and volume_chown. When one of them cannot be, nothing is changed.
    """
    found = parsed(context.console.read_all(JSON_BYTES))
    for one in found:
        own(context, one)
    with context.platform.store.together():
        keep(context, app, found)
    words = f"Storage attachments for {app.name} replaced with {len(found)} mount(s)"
    context.record("storage", f"Set {len(found)} mounts", app)
    context.console.step(words)


def parsed(data: bytes) -> list[Attachment]:
    """Mounts from JSON; PaasError that says which one is wrong."""
    try:
        entries = json.loads(data or b"[]")
    except ValueError as error:
        raise PaasError(f"Unable to parse mounts: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise PaasError(
            "Must specify at least one mount, as a JSON list",
            "use storage:mounts:clear to remove all mounts",
        )
    found: dict[tuple[str, str, str], Attachment] = {}
    for number, entry in enumerate(entries):
        one = entry_of(number, entry)
        if one.key in found:
            raise PaasError(f"attachment {number}: {one.volume} is declared more than once there")
        found[one.key] = one
    return list(found.values())


def entry_of(number: int, entry: Any) -> Attachment:
    try:
        kind = entry.get("process_type") or ""
        options = text_of(entry, "volume_options")
        return rules.checked(
            Attachment(
                entry["entry_name"],
                entry["container_path"],
                rules.phases(entry.get("phases") or ()),
                "" if kind == rules.EVERY_TYPE else kind,
                text_of(entry, "subpath"),
                read_only=bool(entry.get("readonly")) or "ro" in options.split(","),
                options=options,
                owner=text_of(entry, "volume_chown"),
            )
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise PaasError(
            f"attachment {number}: expected an object with entry_name and container_path"
        ) from error
    except PaasError as error:
        raise PaasError(f"attachment {number}: {error.message}", error.hint) from error


def text_of(entry: Any, key: str) -> str:
    value = entry.get(key) or ""
    if not isinstance(value, str):
        raise PaasError(f"{key} is not a text")
    return value


@command("storage:mounts:clear", Permission.WRITE)
@app_argument
def clear_mounts(context: Context, app: App) -> None:
    """Unmount everything from an app; volumes and their files stay."""
    context.platform.store.volumes.mount(app, ())
    context.record("storage", "Clear mounts", app)
    context.console.step(f"Storage attachments for {app.name} cleared")


# -- report -----------------------------------------------------------------------------------


def values(context: Context, app: App | None) -> dict[str, str]:
    """Dokku's keys; of the instance: every volume with who has it."""
    store = context.platform.store.volumes
    if app is None:
        return {one.name: ", ".join(store.used_by(one.name)) or "-" for one in store.list()}
    found = store.mounts(app)
    rows = {"build-mounts": ""}
    for phase in PHASES:
        words = [f"-v {colon_form(context, one)}" for one in found if phase in one.phases]
        rows[f"{phase}-mounts"] = " ".join(words)
    return rows


report.register(
    report.Namespace("storage", "storage", "what an app has mounted, and who has which volume",
                     values)
)  # fmt: skip
