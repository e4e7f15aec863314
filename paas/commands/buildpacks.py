"""buildpacks: which ones build an app, where detection should not choose."""

from collections.abc import Sequence

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import app_argument, format_option, one_of, printable
from paas.commands.permissions import Permission, allowed
from paas.commands.registry import command
from paas.deploy import build, packs, policies, stacks
from paas.deploy.receive import deploy_branches
from paas.errors import PaasError, PermissionDenied, UsageError
from paas.model import buildpack, reference, stack
from paas.model.app import App
from paas.model.buildpack import Kind
from paas.model.names import branch_name

index_option = click.option(
    "--index", type=click.IntRange(1, 99), help="Its place in the order, beginning with 1."
)
MOST = 20


def named(context: Context, text: str) -> str:
    """A buildpack as it is kept: a name of ours, an address, a folder that may be used."""
    reference = packs.by_administrator(
        context.platform.settings, printable(text, "a buildpack").strip()
    )
    if reference.kind is Kind.FOLDER and not allowed(context.caller, Permission.ADMIN):
        raise PermissionDenied("folders of the server are for administrators")
    return reference.text


@command("buildpacks:add", Permission.WRITE)
@app_argument
@click.argument("buildpack")
@index_option
def add(context: Context, app: App, buildpack: str, index: int | None) -> None:
    """Add a buildpack after the others, or at a place.

    A name (python), the https address of a git repository with # and a branch, tag or commit,
    or of a .tgz archive, or a folder of the server.
    """
    name = named(context, buildpack)
    chosen = context.platform.store.buildpacks.list(app)
    if name in chosen:
        raise PaasError(f"{name} is a buildpack of {app.name} already")
    if len(chosen) >= MOST:
        raise PaasError(f"{app.name} has {MOST} buildpacks already")
    chosen.insert(index - 1 if index else len(chosen), name)
    save(context, app, chosen)


@command("buildpacks:set", Permission.WRITE)
@app_argument
@click.argument("buildpacks", nargs=-1, required=True, metavar="BUILDPACK...")
@index_option
@click.option("--replace", is_flag=True, help="These in place of all there are, in this order.")
def set_buildpack(
    context: Context, app: App, buildpacks: Sequence[str], index: int | None, replace: bool
) -> None:
    """Put a buildpack in the place of another, the first by default; or choose them all."""
    names = [named(context, text) for text in buildpacks]
    if replace:
        if index is not None:
            raise UsageError("give --index or --replace, not both")
        if len(set(names)) < len(names) or len(names) > MOST:
            raise UsageError(f"name each buildpack once, and at most {MOST}")
        save(context, app, names)
        return
    if len(names) > 1:
        raise UsageError("name one buildpack, or give --replace")
    chosen = context.platform.store.buildpacks.list(app)
    place = (index or 1) - 1
    if names[0] in chosen[:place] + chosen[place + 1 :]:
        raise PaasError(f"{names[0]} is a buildpack of {app.name} already")
    chosen[place : place + 1] = names
    save(context, app, chosen)


@command("buildpacks:remove", Permission.WRITE)
@app_argument
@click.argument("buildpack", required=False)
@index_option
def remove(context: Context, app: App, buildpack: str | None, index: int | None) -> None:
    """Remove a buildpack by its name or its place."""
    if (buildpack is None) == (index is None):
        raise UsageError("give a buildpack's name or its --index")
    chosen = context.platform.store.buildpacks.list(app)
    doomed = chosen[index - 1 : index] if index else same(chosen, buildpack or "")
    if not doomed:
        raise PaasError(
            f"{app.name} has no buildpack {buildpack or f'number {index}'}",
            f"see paas buildpacks:list {app.name}",
        )
    save(context, app, [one for one in chosen if one not in doomed])


def same(chosen: Sequence[str], text: str) -> list[str]:
    """Those of the chosen that a text means, also when it is written another way."""
    try:
        meant = buildpack.parse(text, packs.own()).text
    except PaasError:
        meant = text
    return [one for one in chosen if one in (text, meant)]


@command("buildpacks:clear", Permission.WRITE)
@app_argument
def clear(context: Context, app: App) -> None:
    """Let detection choose again."""
    save(context, app, [])


@command("buildpacks:list", Permission.READ)
@app_argument
@format_option
def list_buildpacks(context: Context, app: App, format_: str) -> None:
    """List the buildpacks that were chosen for an app; none: they are detected."""
    chosen = context.platform.store.buildpacks.list(app)
    if format_ == "json":
        context.console.json(chosen)
        return
    context.console.step(f"{app.name} buildpack urls")
    for name in chosen:
        context.console.line(f"       {name}")


@command("buildpacks:detect", Permission.WRITE)
@app_argument
@click.option("--branch", help="The branch to look at; by default the one that deploys.")
@format_option
def detect(context: Context, app: App, branch: str | None, format_: str) -> None:
    """Tell which buildpacks would build the app's newest commit, without building it."""
    platform = context.platform
    heads = platform.repositories.branches(app.name)
    wanted = [branch_name(branch)] if branch else deploy_branches(platform, app.name)
    found = next((one for one in wanted if one in heads), None)
    if found is None:
        raise PaasError(
            f"{app.name} has no branch {' or '.join(wanted)}", "push it first: git push <remote>"
        )
    names = build.detect(platform, app, found, heads[found], context.console.aside())
    if format_ == "json":
        context.console.json(names)
        return
    for name in names:
        context.console.line(name)


@command("buildpacks:update", Permission.WRITE)
@app_argument
def update(context: Context, app: App) -> None:
    """Fetch the newest revisions of other people's buildpacks that an app uses.

    Every push does so too; where one cannot be reached then, what was fetched last builds.
    """
    platform = context.platform
    release = platform.store.releases.current(app)
    used = platform.store.buildpacks.list(app) or (release.image.buildpacks if release else ())
    references = [buildpack.parse(text, packs.own()) for text in used]
    foreign = [one for one in references if one.kind is not Kind.OWN]
    if not foreign:
        context.console.step(f"{app.name} uses no buildpack that is fetched")
        return
    before = {one.text: revision_of(context, one.text) for one in foreign}
    build.update(platform, app, foreign, context.console)
    for text, old in before.items():
        new = revision_of(context, text)
        words = f"{old[:12] or 'new'} -> {new[:12]}" if old != new else f"{new[:12]}, as before"
        context.console.step(f"{text}: {words}")
        if old != new:
            context.record("buildpacks", f"Update {text} to {new[:12]}", app)


def revision_of(context: Context, reference: str) -> str:
    known = context.platform.store.buildpacks.fetched(reference)
    return known.revision if known else ""


def save(context: Context, app: App, chosen: list[str]) -> None:
    context.platform.store.buildpacks.set(app, chosen)
    context.record("buildpacks", ", ".join(chosen) or "what is detected", app)
    context.console.step(f"{app.name} is built with: {', '.join(chosen) or 'what is detected'}")
    context.console.detail("The next push takes it")


def stack_name(text: str) -> str:
    """A stack's name, or an image's."""
    return text if stack.NAME.fullmatch(text) else str(reference.parse(text).tagged)


def present(context: Context, app: App, text: str) -> str:
    if stacks.named(context.platform, text) is not None:
        return text
    stacks.find(context.platform, app, text)
    return str(reference.parse(text).tagged)


def values(context: Context, app: App | None) -> dict[str, str]:
    platform = context.platform
    if app is None:
        return {"available": ",".join(packs.own())}
    release = platform.store.releases.current(app)
    used = release.image.buildpacks if release else ()
    chosen = platform.store.buildpacks.list(app)
    revisions = {text: revision_of(context, text) for text in dict.fromkeys((*chosen, *used))}
    return {
        "list": ",".join(chosen),
        "detected": ",".join(used),
        "revisions": ",".join(f"{text}={one[:12]}" for text, one in revisions.items() if one),
        "reports": platform.store.properties.get(app, "build", "reports") or "",
        "available": ",".join(packs.own()),
    }


report.register(
    report.Namespace(
        "buildpacks",
        "buildpacks",
        "what builds apps",
        values,
        properties=(
            report.Property(
                stacks.PROPERTY,
                f"what buildpacks build on: {stacks.USUAL}, another one of stack:list, or an image "
                "that is here, made "
                "FROM paas/stack:build or with python3, bash and tar in it",
                stack_name,
                lambda _: stacks.USUAL,
                kept=present,
            ),
            report.Property(
                policies.IN_APP_DIR,
                "true: other people's buildpacks find the app in /app, and not in a directory "
                "of its own that becomes /app",
                one_of("true", "false"),
                lambda _: "false",
            ),
        ),
        setter="set-property",
        after_set="The next push takes it",
    )
)
