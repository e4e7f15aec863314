"""disk: how much room there is, and who takes how much."""

from collections.abc import Sequence

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.disk import amount, room
from paas.image.errands import Errands
from paas.model.app import App
from paas.model.limits import show_bytes
from paas.upkeep import sizes
from paas.upkeep.sizes import AppSize, Sizes

COLUMNS = ("own", "shared", "cache", "repository", "logs", "scratch", "total")


@command("disk", Permission.READ)
@format_option
def disk(context: Context, format_: str) -> None:
    """Show how much room there is on the disk, and who takes how much, measured now.

    own: layers only this app has; shared: layers that others have too, such as the stack;
    scratch: what its running containers have written. The total is what would be free
    without the app.
    """
    platform = context.platform
    with Errands(platform.runner, hurry=True) as errands:
        context.console.on_cancel(errands.stop)
        found = sizes.measured(platform, errands)
    if format_ == "json":
        context.console.json(described(context, found))
        return
    state = platform.disk.state()
    context.console.heading(f"{state.room.words}: it {state.level.words}")
    rows = [(one.name, *(show_bytes(size) for size in values(one))) for one in found.apps]
    if rows:
        context.console.table(("APP", *(name.upper() for name in COLUMNS)), rows)
    context.console.detail(
        f"layers that several apps have, stored once: {show_bytes(found.shared)}"
    )
    context.console.detail(f"layers that nobody needs now: {show_bytes(found.unneeded)}")
    context.console.detail(f"volumes and their snapshots: {show_bytes(found.volumes)}")


def values(one: AppSize) -> Sequence[int]:
    return [getattr(one, name) for name in COLUMNS]


def described(context: Context, found: Sizes) -> dict[str, object]:
    apps = [
        {"app": one.name, **{f"{name}_bytes": getattr(one, name) for name in COLUMNS}}
        for one in found.apps
    ]
    return {
        **instance(context),
        "apps": apps,
        "shared_bytes": found.shared,
        "unneeded_bytes": found.unneeded,
        "volumes_bytes": found.volumes,
    }


def instance(context: Context) -> dict[str, object]:
    """How the disks stand."""
    settings = context.platform.settings
    places = {"state": settings.state_dir, "run": settings.run_dir}
    found = {name: room(place) for name, place in places.items()}
    return {
        "level": context.platform.disk.state().level.name.lower(),
        **{f"{name}_free_bytes": one.free_bytes for name, one in found.items()},
        **{f"{name}_free_inodes": one.free_inodes for name, one in found.items()},
    }


def report_values(context: Context, app: App | None) -> dict[str, str]:
    """How the disks stand and where the marks are; the same for every app."""
    settings = context.platform.settings
    rows = {key.replace("_", "-"): str(value) for key, value in instance(context).items()}
    marks = {
        "low-mark": f"{amount(settings.disk_low_bytes)}, {settings.disk_low_inodes:,} inodes",
        "full-mark": f"{amount(settings.disk_full_bytes)}, {settings.disk_full_inodes:,} inodes",
    }
    return {**rows, **marks} if app is None else {"level": rows["level"]}


report.register(report.Namespace("disk", "disk", "how much room there is", report_values))
