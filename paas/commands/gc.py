"""gc, cleanup, repo: space freed by hand, and what is set about freeing it by itself."""

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import APP, APP_OR_GLOBAL, app_argument, format_option, whole_number
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.errors import UsageError
from paas.model import limits
from paas.model.app import App
from paas.model.limits import show_bytes
from paas.upkeep import collector
from paas.upkeep.policy import DAY_S
from paas.upkeep.round import Wish
from paas.upkeep.waste import Outcome, by_kind, counted

optional_app = click.argument("app", type=APP, required=False)
MIB = 1 << 20


@command("gc", Permission.ADMIN, dry_run="dry")
@optional_app
@click.option("--dry-run", "dry", is_flag=True, help="Only tell what would be freed.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also build caches, and layers nobody needs but the next build might.",
)
@format_option
def gc(context: Context, app: App | None, dry: bool, everything: bool, format_: str) -> None:
    """Free space: what nobody needs any more, of every app or of one.

    Old releases, layers of no release, build caches beyond their bounds, old build logs,
    equal layers stored twice, git's garbage, and whatever a fault has left. Never a volume,
    what runs, or a release that is kept. It happens by itself too; see gc:report.
    """
    free(context, Wish(dry=dry, everything=everything, only=app), format_)


@command("cleanup", Permission.ADMIN)
@click.argument("app", type=APP_OR_GLOBAL, required=False, metavar="[APP|--global]")
@format_option
def cleanup(context: Context, app: App | None, format_: str) -> None:
    """Free space, under dokku's name: what gc does without its options."""
    free(context, Wish(only=app), format_)


def free(context: Context, wish: Wish, format_: str) -> None:
    """Collect, and say what went."""
    platform, console = context.platform, context.console
    actor = context.caller.name
    outcome = collector.collect(platform, wish, console, actor=actor, hurry=True)
    tell(context, outcome, format_)


def tell(context: Context, outcome: Outcome, format_: str) -> None:
    """What was freed, kind by kind; for programs, thing by thing."""
    console = context.console
    if format_ == "json":
        console.json(described(outcome))
        return
    console.heading(outcome.words.partition(":")[0])
    for kind, of in by_kind(outcome.freed).items():
        size = sum(one.bytes for one in of)
        console.detail(counted(kind, len(of)) + (f": {show_bytes(size)}" if size else ""))
    if outcome.busy:
        console.detail(f"left for the next time, since somebody is at them: {names(outcome)}")


def names(outcome: Outcome) -> str:
    return ", ".join(outcome.busy)


def described(outcome: Outcome) -> dict[str, object]:
    return {
        "dry_run": outcome.dry,
        "freed_bytes": outcome.bytes,
        "freed": [
            {"kind": one.kind, "name": one.name, "app": one.app, "bytes": one.bytes}
            for one in outcome.freed
        ],
        "busy": list(outcome.busy),
    }


@command("repo:gc", Permission.WRITE)
@app_argument
@format_option
def repo_gc(context: Context, app: App, format_: str) -> None:
    """Run `git gc --aggressive` in an app's repository; a push that comes ends it."""
    actor = context.caller.name
    tell(
        context,
        collector.tidy_repository(context.platform, app.name, context.console, actor=actor),
        format_,
    )


@command("repo:purge-cache", Permission.WRITE)
@app_argument
@format_option
def repo_purge_cache(context: Context, app: App, format_: str) -> None:
    """Delete an app's build cache; the next build fills it anew."""
    actor = context.caller.name
    tell(
        context,
        collector.purge_cache(context.platform, app.name, context.console, actor=actor),
        format_,
    )


# -- what is set -----------------------------------------------------------------------


def cache_size(text: str) -> str:
    """A rule: a size such as 512m or 2g."""
    try:
        limits.disk(text)
    except ValueError as error:
        raise UsageError(f"{text[:80]!r} {error}") from error
    return text


def values(context: Context, app: App | None) -> dict[str, str]:
    """What the settings say of the instance."""
    settings = context.platform.settings
    if app is not None:
        return {}
    return {
        "interval-seconds": f"{settings.gc_interval_s:g}",
        "layers-unused-days": f"{settings.layers_unused_s / DAY_S:g}",
        "caches-size": f"{settings.cache_bytes // MIB}m",
    }


report.register(
    report.Namespace(
        "gc",
        "gc",
        "what is kept, and for how long",
        values,
        properties=(
            report.Property(
                "releases-kept",
                "how many releases that served, and how many that failed, are kept",
                whole_number(1, 1000, "releases"),
                lambda context: str(context.platform.settings.releases_kept),
            ),
            report.Property(
                "cache-size",
                "how large an app's build cache may be, such as 512m or 2g",
                cache_size,
                lambda context: f"{context.platform.settings.cache_app_bytes // MIB}m",
            ),
            report.Property(
                "cache-days",
                "how many days the build cache of an app that is not built is kept",
                whole_number(1, 3650, "days"),
                lambda context: f"{context.platform.settings.cache_unused_s / DAY_S:g}",
            ),
        ),
        after_set="The next collection takes it: paas gc",
    )
)
