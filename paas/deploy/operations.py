"""Operations on a running app: restart, start, stop, scale; each the tail of a deploy's story."""

from collections.abc import Iterator
from contextlib import contextmanager

from paas.console import Console, silent
from paas.deploy import boot, builds, fleet, room
from paas.deploy.notes import noted
from paas.deploy.pipeline import attempt, deployed, operation
from paas.deploy.roll import divide, missing, roll
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.model.app import App
from paas.model.build import BuildKind
from paas.model.occasion import AppStarting, AppStopped
from paas.model.release import Release
from paas.platform import Platform


def restart(
    platform: Platform,
    name: str,
    console: Console,
    process_type: str | None = None,
    *,
    actor: str = "paas",
) -> None:
    """New containers of the current release in place of the running ones."""
    with (
        builds.recorded(platform, name, console, BuildKind.DEPLOY, actor),
        operation(platform, name, console) as app,
        noted(platform, name, actor, "ps", f"Restart {process_type or ''}".strip()),
    ):
        current = deployed(platform, app)
        with marked_stopped(platform, app, False):
            wanted = boot.wanted(platform, app, current)
            fresh = [slot for slot in wanted if process_type in (None, slot.process)]
            if not fresh:
                raise PaasError(
                    f"{name} runs no {process_type or 'process'}", f"scale it: paas ps:scale {name}"
                )
            roll(platform, app, current, fresh, console)


def start(platform: Platform, name: str, console: Console, *, actor: str = "paas") -> None:
    """Start what should run and does not."""
    platform.plugins.allow(AppStarting(name), actor, console)
    with (
        builds.recorded(platform, name, console, BuildKind.DEPLOY, actor),
        operation(platform, name, console) as app,
        noted(platform, name, actor, "ps", "Start"),
    ):
        current = deployed(platform, app)
        with marked_stopped(platform, app, False):
            adjust(platform, app, current, console)


def stop(platform: Platform, name: str, console: Console, *, actor: str = "paas") -> None:
    """Stop every process; the domains show a page that says so."""
    with (
        operation(platform, name, console) as app,
        noted(platform, name, actor, "ps", "Stop"),
    ):
        current = deployed(platform, app)
        present = fleet.in_service(platform, app)
        with marked_stopped(platform, app, True):
            roll(platform, app, current, (), console)
        console.step(f"Stopped {len(present)} containers of {name}")
    platform.plugins.happened(AppStopped(name), actor, console)


def scale(
    platform: Platform, name: str, counts: dict[str, int], console: Console, *, actor: str = "paas"
) -> None:
    """Run this many of each process type; what runs already is left alone."""
    with (
        operation(platform, name, console) as app,
        noted(platform, name, actor, "ps", f"Scale {shown(counts)}"),
    ):
        current = platform.store.releases.current(app)
        if current is not None:
            refuse_unknown_types(current, counts)
        formation = platform.store.formation.get(app)
        before = formation.counts
        if any(count > formation.count(kind) for kind, count in counts.items()):
            room.admit(platform, name, f"scaling {name} up", console)
        failpoint("scale.begin")
        for kind, count in counts.items():
            console.step(f"Scaling {name} {kind} to {count}")
        try:
            platform.store.formation.set(app, {**before, **counts})
            failpoint("scale.counted")
            if current is not None:
                adjust(platform, app, current, console)
        except BaseException:
            attempt(platform.store.formation.set, app, dict(before))
            attempt(trim, platform, app)
            raise


def shown(counts: dict[str, int]) -> str:
    return " ".join(f"{kind}={count}" for kind, count in counts.items())


def refuse_unknown_types(current: Release, counts: dict[str, int]) -> None:
    known = sorted(kind for kind in current.image.processes if kind != "release")
    for kind, count in counts.items():
        if kind not in known and count:
            raise PaasError(f"there is no process type {kind}", f"this app has: {', '.join(known)}")


def adjust(platform: Platform, app: App, current: Release, console: Console) -> None:
    """Start missing containers and retire surplus ones."""
    roll(platform, app, current, missing(platform, app, current), console)


@contextmanager
def marked_stopped(platform: Platform, app: App, stopped: bool) -> Iterator[None]:
    """The app marked as stopped, or as not; as it was before when the block fails."""
    platform.store.apps.stopped(app, stopped)
    try:
        yield
    except BaseException:
        attempt(platform.store.apps.stopped, app, app.stopped)
        attempt(trim, platform, app)
        raise


def trim(platform: Platform, app: App) -> None:
    """Retire what is not wanted after all: whoever restores apps may have started it meanwhile."""
    current = platform.store.releases.current(app)
    if current is None:
        return
    with fleet.changing(app):  # what is being put into service by now is seen
        surplus = divide(platform, app, current, ())[1]
    if surplus:
        with silent() as console:
            roll(platform, app, current, (), console)
