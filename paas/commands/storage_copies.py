"""storage: snapshots and clones of volumes, which are whole copies of one moment."""

import re
from datetime import UTC, datetime

import click

from paas.commands.context import Context
from paas.commands.parameters import Checked, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.commands.storage import NEW_VOLUME, refuse_running, volume_argument
from paas.deploy import volume_copies, volumes
from paas.errors import PaasError, UsageError
from paas.model import moments
from paas.model.limits import show_bytes

NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")


def snapshot_name(text: str) -> str:
    if NAME.fullmatch(text) and ".." not in text:
        return text
    raise UsageError(
        f"{text[:80]!r} is not a name for a snapshot",
        "use lower-case letters, digits, dashes and inner dots, at most 63",
    )


SNAPSHOT = Checked("snapshot", snapshot_name)
snapshot_argument = click.argument("snapshot", type=SNAPSHOT)


@command("storage:snapshot", Permission.WRITE)
@volume_argument
@click.argument("snapshot", type=SNAPSHOT, required=False)
def take(context: Context, name: str, snapshot: str | None) -> None:
    """Copy a volume as it is now, under a name or under the time.

    Whatever writes to it is held up meanwhile, so that the copy is of one moment.
    """
    platform = context.platform
    volume = volumes.ready(platform, platform.store.volumes.get(name))
    wanted = snapshot or f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    made = volume_copies.snapshot(platform, volume, wanted, context.console)
    context.record("storage", f"Snapshot {made.name} of volume {name}")
    context.console.step(f"Snapshot {made.name} of {name} made")


@command("storage:snapshots", Permission.READ)
@volume_argument
@format_option
def list_snapshots(context: Context, name: str, format_: str) -> None:
    """List a volume's snapshots, oldest first. SIZE is what they take on the disk."""
    platform = context.platform
    platform.store.volumes.get(name)
    rows = [
        {
            "name": one.name,
            "made_at": moments.iso(one.made_at),
            "bytes": platform.volumes.bytes_of(one.path),
        }
        for one in volume_copies.snapshots(platform, name)
    ]
    if format_ == "json":
        context.console.json(rows)
        return
    context.console.heading(f"{name} snapshots")
    context.console.table(
        ("NAME", "MADE (UTC)", "SIZE"),
        [(row["name"], row["made_at"], show_bytes(int(str(row["bytes"] or 0)))) for row in rows],
    )


@command("storage:snapshot-destroy", Permission.WRITE)
@volume_argument
@snapshot_argument
def destroy(context: Context, name: str, snapshot: str) -> None:
    """Delete a snapshot."""
    platform = context.platform
    platform.store.volumes.get(name)
    found = volume_copies.get(platform, name, snapshot)
    context.confirm(snapshot, f"This command will delete the snapshot {snapshot} of {name}.")
    volume_copies.remove(platform, found)
    context.record("storage", f"Delete snapshot {snapshot} of volume {name}")
    context.console.step(f"Snapshot {snapshot} of {name} deleted")


@command("storage:restore", Permission.WRITE)
@volume_argument
@snapshot_argument
def restore(context: Context, name: str, snapshot: str) -> None:
    """Have a volume be as it was in a snapshot; what came later is gone.

    No container may have it meanwhile: stop the apps that do.
    """
    platform = context.platform
    volume = volumes.ready(platform, platform.store.volumes.get(name))
    found = volume_copies.get(platform, name, snapshot)
    refuse_running(context, volume, "restored")
    context.confirm(name, f"This command will replace what is in volume {name}.")
    refuse_running(context, volume, "restored")
    volume_copies.restore(platform, volume, found, context.console)
    context.record("storage", f"Restore volume {name} from snapshot {snapshot}")
    context.console.step(f"{name} is as it was in {snapshot}")


@command("storage:clone", Permission.WRITE)
@volume_argument
@click.argument("new", type=NEW_VOLUME)
@click.option("--snapshot", type=SNAPSHOT, help="As it was in this snapshot, not as it is now.")
def clone(context: Context, name: str, new: str, snapshot: str | None) -> None:
    """Make another volume with the same files."""
    platform = context.platform
    volume = volumes.ready(platform, platform.store.volumes.get(name))
    if platform.store.volumes.find(new) is not None:
        raise PaasError(f"storage entry {new} exists already", "choose another name")
    volume_copies.clone(platform, volume, new, snapshot, context.console)
    context.record("storage", f"Clone volume {name} as {new}")
    context.console.step(f"Storage entry {new} created from {name}")
