"""checks: how a new version is judged healthy before it gets requests."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import click

from paas.commands import process_report, report
from paas.commands.context import Context
from paas.commands.parameters import CONTAINER_NAMED, PROCESS_TYPE, app_argument, whole_number
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import checks, fleet, health, pipeline, policies
from paas.deploy.policies import ALL_PROCESSES
from paas.errors import PaasError, UsageError
from paas.failpoints import failpoint
from paas.model.app import App
from paas.model.check import Check, Mode

AFTER = "The next deploy or restart takes it"
LISTS = {Mode.DISABLED: "disabled", Mode.SKIPPED: "skipped"}


def between_commas(
    kind: click.ParamType[Any],
) -> Callable[[click.Context, click.Parameter, Sequence[str]], tuple[str, ...]]:
    """Words that each may be several, as in `web,worker`, for a click argument of any number."""

    def split(ctx: click.Context, param: click.Parameter, words: Sequence[str]) -> tuple[str, ...]:
        parts = (part for word in words for part in word.split(","))
        return tuple(kind.convert(part, param, ctx) for part in parts)

    return split


processes_argument = click.argument(
    "processes", nargs=-1, metavar="[PROCESS_TYPE]...", callback=between_commas(PROCESS_TYPE)
)


def path(text: str) -> str:
    """A path for an HTTP request line: nothing in it may end the line or begin another."""
    if re.fullmatch(r"/[!-~]{0,1023}", text):
        return text
    raise UsageError(f"{text[:80]!r} is not a path", "a path begins with / and has no spaces")


# -- on, off, and in between ---------------------------------------------------------------


@command("checks:disable", Permission.WRITE)
@app_argument
@processes_argument
def disable(context: Context, app: App, processes: Sequence[str]) -> None:
    """Make no checks, and never run old and new processes side by side.

    The old ones end first, then the new ones start. Web requests wait in the proxy meanwhile.
    """
    switch(context, app, processes, Mode.DISABLED)


@command("checks:skip", Permission.WRITE)
@app_argument
@processes_argument
def skip(context: Context, app: App, processes: Sequence[str]) -> None:
    """Make no checks: new processes take over as soon as they have started."""
    switch(context, app, processes, Mode.SKIPPED)


@command("checks:enable", Permission.WRITE)
@app_argument
@processes_argument
def enable(context: Context, app: App, processes: Sequence[str]) -> None:
    """Make checks again, of every process type or of these."""
    switch(context, app, processes, Mode.ENABLED)


def switch(context: Context, app: App, processes: Sequence[str], mode: Mode) -> None:
    """Move process types to one of the lists, or off both; none given: all of them."""
    platform = context.platform
    chosen = set(processes)
    with platform.store.together():
        for each, key in LISTS.items():
            text = ",".join(sorted(listed(context, app, key, chosen, member=each is mode))) or None
            platform.store.properties.set(app, "checks", key, text)
            failpoint("checks.listed")
    words = f"{mode.capitalize()} for {', '.join(sorted(chosen)) or 'every process type'}"
    context.record("checks", words, app)
    context.console.step(f"Checks of {app.name}: {words.lower()}")
    context.console.detail(AFTER)


def listed(context: Context, app: App, key: str, chosen: set[str], *, member: bool) -> set[str]:
    """What one of the lists will have in it, once the chosen process types are in it or not."""
    if not chosen:
        return {ALL_PROCESSES} if member else set()
    before = set(policies.listed(context.platform, app, key))
    if ALL_PROCESSES in before:
        before = set(process_report.scale_of(context.platform, app))
    return before | chosen if member else before - chosen


# -- on demand -------------------------------------------------------------------------------


@command("checks:run", Permission.WRITE)
@app_argument
@click.argument("chosen", nargs=-1, metavar="[PROCESS]...",
                callback=between_commas(CONTAINER_NAMED))  # fmt: skip
def run(context: Context, app: App, chosen: Sequence[str]) -> None:
    """Make the checks now, of what runs: of all, process types (web) or single ones (web.1)."""
    platform = context.platform
    release = pipeline.deployed(platform, app)
    present = [one for one in fleet.in_service(platform, app) if one.running]
    names = {name for one in present for name in (one.spec.process, one.spec.hostname)}
    missing = [one for one in chosen if one not in names] or ([] if present else ["process"])
    if missing:
        raise PaasError(
            f"{app.name} runs no {' and no '.join(missing)}", f"paas ps:report {app.name}"
        )
    wanted = set(chosen) or names
    running = [one for one in present if {one.spec.process, one.spec.hostname} & wanted]
    context.console.step(f"Running healthchecks of {app.name}")
    health.probe_all(platform, health.of_running(platform, app, release, running), context.console)


# -- properties --------------------------------------------------------------------------------


def values(context: Context, app: App | None) -> dict[str, str]:
    """Dokku's lists, then what is checked of each process type."""
    if app is None:
        return {}
    platform = context.platform
    release = platform.store.releases.current(app)
    rows = {
        f"{key}-list": ",".join(policies.listed(platform, app, key)) or "none"
        for key in LISTS.values()
    }
    for process in process_report.scale_of(platform, app):
        mode = policies.mode(platform, app, process)
        plan = checks.of_process(platform, app, release, process)
        words = ", then ".join(map(described, plan))
        rows[f"checks-{process}"] = words if mode is Mode.ENABLED else str(mode)
        if release and (living := checks.of_living(platform, app, release, process)):
            rows[f"liveness-{process}"] = (
                ", ".join(map(described, living)) if mode is Mode.ENABLED else str(mode)
            )
    return rows


def described(check: Check) -> str:
    name = f"{check.name}: " if check.name else ""
    return f"{name}{check.words}" + (" (only warns)" if check.warn else "")


report.register(
    report.Namespace(
        "checks",
        "checks",
        "how a new version is judged healthy",
        values,
        properties=(
            report.Property(
                "path",
                "what an HTTP GET must answer with a status below 400; unset: as app.json says, "
                "or any answer",
                path,
                has_global=False,
            ),
            report.Property("content", "text the answer must have in it", str, has_global=False),
            report.Property(
                "timeout",
                "seconds to wait for an answer",
                whole_number(1, 3600, "seconds"),
                lambda context: f"{context.platform.settings.check_timeout_s:g}",
            ),
            report.Property(
                "attempts",
                "how often to ask before giving up",
                whole_number(1, 1000, "attempts"),
                lambda context: str(context.platform.settings.check_attempts),
            ),
            report.Property(
                "wait",
                "seconds between two attempts",
                whole_number(0, 3600, "seconds"),
                lambda context: f"{context.platform.settings.check_wait_s:g}",
            ),
            report.Property(
                "initial-delay",
                "seconds before the first attempt",
                whole_number(0, 3600, "seconds"),
                lambda _: "0",
            ),
            report.Property(
                "default-wait",
                "seconds a process that has no check of its own must stay up",
                whole_number(0, 3600, "seconds"),
                lambda context: f"{context.platform.settings.check_uptime_s:g}",
            ),
            report.Property(
                "wait-to-retire",
                "seconds an old process may go on with its requests after the switch",
                whole_number(0, 86400, "seconds"),
                lambda context: f"{context.platform.settings.drain_s:g}",
            ),
        ),
        after_set=AFTER,
    )
)
