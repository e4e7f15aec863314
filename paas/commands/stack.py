"""stack: what apps are built and run on, made again as Debian mends it, and apps moved onto it."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.every import on_each, parallel_option
from paas.commands.images import host_path
from paas.commands.parameters import APP, TEXT, Checked, all_option, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import materials, rebase, snapshots, stacks
from paas.deploy.stacks import USUAL
from paas.errors import PaasError, UsageError
from paas.model import moments, stack
from paas.model.app import App
from paas.model.release import Layer
from paas.model.stack import Recipe, Snapshot

STACK = Checked("stack", stack.stack_name)
DEFINITION_BYTES = 64 << 10
STANDARD_INPUT = "-"
FIRST = "first"  # the snapshot that came with this version
PROPERTY = ("buildpacks", stacks.PROPERTY)
AppsOn = Counter[tuple[Layer, ...]]  # apps by the layers of the stack they run on
optional_stack = click.argument("name", type=STACK, required=False, metavar="[STACK]")


@command("stack:list", Permission.READ)
@format_option
def list_stacks(context: Context, format_: str) -> None:
    """List stacks with each snapshot that is kept, and how many apps run on it.

    Builds take the one that is marked; apps are moved onto it by stack:rebase.
    """
    apps = apps_on(context)
    rows = [described(context, one, apps) for one in known(context)]
    if format_ == "json":
        context.console.json(rows)
        return
    context.console.heading("Stacks")
    cells = [
        (
            row["name"] + (" *" if row["current"] else ""),
            row["snapshot"],
            row["suite"],
            row["made_at"] or "-",
            row["actor"] or "-",
            row["apps"],
        )
        for row in rows
    ]
    header = ("STACK", "SNAPSHOT", "SUITE", "MADE (UTC)", "BY", "APPS")
    context.console.table(header, cells)


def known(context: Context) -> list[Snapshot]:
    """Every snapshot, with the usual stack as this version made it."""
    platform = context.platform
    kept = platform.store.stacks.list()
    usual = platform.stack
    replaced = any(one.name == USUAL and one.current for one in kept)
    first = Snapshot(
        FIRST, USUAL, Recipe(usual.suite), usual.digest, usual.run_layers, usual.build_layers,
        datetime.fromtimestamp(usual.layers.used_at(usual.run_layers[0].id), UTC),
        current=not replaced,
    )  # fmt: skip
    others = [one for one in kept if one.name != USUAL]
    return [*(one for one in kept if one.name == USUAL), first, *others]


def described(context: Context, one: Snapshot, apps: AppsOn) -> dict[str, Any]:
    """A snapshot for programs."""
    return {
        "name": one.name,
        "snapshot": one.id,
        "current": one.current,
        "suite": one.recipe.suite or context.platform.stack.suite,
        "made_at": "" if one.id == FIRST else moments.iso(one.made_at),
        "actor": one.actor,
        "apps": apps[one.run],
        "run": list(one.recipe.run),
        "build": list(one.recipe.build),
    }


def apps_on(context: Context) -> AppsOn:
    """How many apps run on each stack's layers."""
    store = context.platform.store
    with store.view():
        current = [store.releases.current(app) for app in store.apps.list()]
    return Counter(rebase.stack_layers(one.image) for one in current if one)


@command("stack:info", Permission.READ)
@optional_stack
@format_option
def info(context: Context, name: str | None, format_: str) -> None:
    """Show a stack's newest snapshot and every Debian package apps find in it."""
    name = name or USUAL
    one = next((one for one in known(context) if one.name == name and one.current), None)
    if one is None:
        raise PaasError(f"there is no stack {name}", "see which there are: paas stack:list")
    packages = materials.debian_packages(context.platform, one.run, context.console)
    values = {**described(context, one, apps_on(context)), "packages": packages}
    if format_ == "json":
        context.console.json(values)
        return
    context.console.heading(f"{name} {one.id}")
    for key in ("suite", "made_at", "actor", "apps"):
        context.console.line(f"       {key.replace('_', ' ')}: {values[key]}".rstrip())
    rows = [(key.partition(":")[0], version) for key, version in sorted(packages.items())]
    context.console.table(("PACKAGE", "VERSION"), rows)


@command("stack:build", Permission.ADMIN)
@click.argument("name", type=STACK, metavar="STACK")
@click.argument("definition", type=TEXT, required=False, metavar="[FILE|-]")
def build(context: Context, name: str, definition: str | None) -> None:
    """Make a stack of its own from a definition, or make it anew from another one.

    The definition is TOML, on standard input or in a file of the server: `run` and `build`
    list Debian packages beside those of the usual stack, for apps and for their builds;
    `suite` names another suite of Debian. Apps take it with buildpacks:set-property APP stack.
    """
    if name == USUAL:
        raise UsageError(f"{USUAL} is the usual stack", "give yours another name")
    if definition in (None, STANDARD_INPUT):
        text = context.console.read_all(DEFINITION_BYTES).decode(errors="replace")
    else:
        text = host_path(context, str(definition)).read_text(errors="replace")[:DEFINITION_BYTES]
    recipe = stack.parse(text, context.platform.stack.suite)
    make(context, name, recipe)


@command("stack:update", Permission.ADMIN, dry_run="dry")
@optional_stack
@click.option("--all", "every", is_flag=True, help="Every stack.")
@click.option("--dry-run", "dry", is_flag=True, help="Only tell which updates there are.")
def update(context: Context, name: str | None, every: bool, dry: bool) -> None:
    """Make a stack again from Debian's archive as it is now, with its security fixes.

    Builds take it from then on. Apps stay on the snapshot they were built on until they are
    built again or rebased.
    """
    if every and name:
        raise UsageError("name one stack, or give --all")
    names = dict.fromkeys(one.name for one in known(context)) if every else [name or USUAL]
    for one in names:
        if dry:
            tell_pending(context, one)
            continue
        snapshots.current_build(context.platform, one)
        kept = context.platform.store.stacks.current(one)
        make(context, one, kept.recipe if kept else Recipe(""))


def make(context: Context, name: str, recipe: Recipe) -> None:
    platform, console = context.platform, context.console
    former = platform.store.stacks.current(name)
    made = snapshots.make(platform, name, recipe, console, context.caller.name)
    if made is None:
        console.heading(f"{name} is up to date")
        return
    context.record("stack", f"Make {name} {made.id}")
    console.heading(f"{name} {made.id} is made; the next builds take it")
    if former or name == USUAL:
        console.detail("Move apps onto it without building them again: paas stack:rebase --all")
    else:
        console.detail(f"Have an app built on it: paas buildpacks:set-property APP stack {name}")


def tell_pending(context: Context, name: str) -> None:
    found = snapshots.pending(context.platform, name, context.console)
    context.console.heading(f"{name}: {len(found)} updates")
    for line in found:
        context.console.line(f"       {line}")


@command("stack:rebase", Permission.WRITE)
@click.argument("app", type=APP, required=False)
@all_option
@parallel_option
def rebase_apps(context: Context, app: App | None, every: bool, parallel: int) -> None:
    """Put an app on the newest snapshot of its stack without building it again.

    Debian packages of its own, as of an Aptfile, are looked up and installed anew for it. The
    new processes are checked as at a deploy, and releases:rollback goes back. Refused when a
    library is gone or Python or the C library is another: then ps:rebuild.
    """

    def one(given: Context, chosen: App) -> None:
        rebase.rebase(given.platform, chosen.name, given.console, given.caller.name)

    on_each(context, app, every=every, parallel=parallel, action=one)


@command("stack:remove", Permission.ADMIN)
@click.argument("name", type=STACK, metavar="STACK")
def remove(context: Context, name: str) -> None:
    """Forget a stack that no app is to be built on; apps that run on it go on."""
    platform = context.platform
    kept = [one.id for one in platform.store.stacks.list() if one.name == name]
    if not kept:
        raise PaasError(f"there is no stack {name} of yours", "see paas stack:list")
    get = platform.store.properties.get
    takers = [app.name for app in platform.store.apps.list() if get(app, *PROPERTY) == name]
    takers += ["the instance"] if get(None, *PROPERTY) == name else []
    if takers:
        raise PaasError(
            f"{name} is the stack of {', '.join(takers[:5])}",
            f"paas buildpacks:set-property {takers[0]} stack {USUAL}",
        )
    platform.store.stacks.forget(kept)
    context.record("stack", f"Remove {name}")
    context.console.step(f"Removed the stack {name}")


def values(context: Context, app: App | None) -> dict[str, str]:
    """What an app runs on and what builds would take, or the usual stack's state."""
    if app is None:
        return {"pending-updates": pending(context, USUAL)}
    release = context.platform.store.releases.current(app)
    origin = release.image.origin if release else None
    name = (origin.stack if origin else "") or USUAL
    running = rebase.stack_layers(release.image) if release else ()
    found = {one.run: one for one in known(context) if one.name == name}
    mine, newest = found.get(running), next((one for one in found.values() if one.current), None)
    days = (datetime.now(UTC) - mine.made_at).days if mine else None
    return {
        "name": name if running else "",
        "snapshot": mine.id if mine else "",
        "age-days": "" if days is None else str(days),
        "newest": newest.id if newest else "",
        "is-newest": str(bool(newest and newest.run == running)).lower(),
        "pending-updates": pending(context, name),
    }


def pending(context: Context, name: str) -> str:
    """`3 as of 2026-01-31T12:00:00Z`; "" when nobody has asked since the last update."""
    get = context.platform.store.properties.get
    moment, _, count = (get(None, *snapshots.pending_of(name)) or "").partition(" ")
    return f"{count} as of {moment}" if count else ""


report.register(report.Namespace("stack", "stack", "what apps run on", values))
