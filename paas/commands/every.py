"""Every: one command for many apps, as many of them at once as the caller says.

One at a time, each app's output comes as it is made. Several at once, it comes whole when
the app is done, so that no line of one stands among those of another.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import click

from paas.commands.context import Context
from paas.console import Console
from paas.deploy import order, restoring
from paas.deploy.boot import WEB, Slot, slot_of
from paas.deploy.restoring import Place, Plan, Restoring
from paas.errors import PaasError, UsageError
from paas.model.app import App

Action = Callable[[Context, App], None]
MOST_AT_ONCE = 64
SLOT = slot_of(WEB, 1)  # apps are acted on as a whole

parallel_option = click.option(
    "--parallel",
    type=int,
    default=1,
    help="With --all, how many apps at once (default 1); -1: as many as there are processors.",
)


def on_each(
    context: Context,
    app: App | None,
    *,
    every: bool,
    parallel: int,
    action: Action,
    in_order: bool = False,
    among: Callable[[Context, App], bool] | None = None,
) -> None:
    """Act on one app, or on every deployed one; one that fails does not stop the others.

    in_order: apps that others are started after come first. among: which apps instead.
    """
    if every == (app is not None):
        raise UsageError("name one app, or give --all")
    at_once = counted(parallel)
    if app is not None:
        action(context, app)
        return
    with context.platform.store.view():
        apps = [one for one in context.apps() if (among or deployed)(context, one)]
        plan = planned(context, apps, in_order=in_order)
    failed = Acting(context, action, together=at_once > 1).on(plan, at_once)
    context.console.check_cancelled()
    if failed:
        raise PaasError(f"it failed for {', '.join(failed)}", "the lines above say why")


def counted(parallel: int) -> int:
    """How many at once."""
    if parallel == -1:
        return os.cpu_count() or 1
    if 1 <= parallel <= MOST_AT_ONCE:
        return parallel
    raise UsageError(f"--parallel takes a number from 1 to {MOST_AT_ONCE}, or -1, not {parallel}")


def deployed(context: Context, app: App) -> bool:
    return context.platform.store.releases.current(app) is not None


def anyone(_context: Context, _app: App) -> bool:
    """Whether an app was deployed or not."""
    return True


def planned(context: Context, apps: Sequence[App], *, in_order: bool) -> Plan:
    """The apps by name, or as they are to be started."""
    if not in_order:
        return Plan([Place((number, 0), app.name, SLOT) for number, app in enumerate(apps)])
    urgency = order.urgencies(context.platform, apps)
    places = sorted(Place((-urgency[app.id], 0), app.name, SLOT) for app in apps)
    return Plan(places, restoring.needed(context.platform, apps))


class Acting:
    """One command on a plan's apps."""

    def __init__(self, context: Context, action: Action, *, together: bool) -> None:
        self._context = context
        self._action = action
        self._together = together
        self._saying = threading.Lock()
        self._failed: list[str] = []

    def on(self, plan: Plan, at_once: int) -> list[str]:
        """Act; the apps for which it failed."""
        cancelled = self._context.console.cancelled.is_set
        Restoring(plan, self._act, cancelled, at_once=at_once, turn_s=None).run()
        return sorted(self._failed)

    def _act(self, name: str, _slot: Slot) -> bool:
        if not self._together:
            return self._tried(self._context, name)
        with self._apart() as console:
            return self._tried(replace(self._context, console=console), name)

    def _tried(self, context: Context, name: str) -> bool:
        try:
            self._action(context, context.platform.store.apps.get(name))
        except PaasError as error:
            if not context.console.cancelled.is_set():
                context.console.warn(f"{name}: {error.message}")
            self._failed.append(name)
            return False
        except BaseException:
            self._failed.append(name)
            raise
        return True

    @contextmanager
    def _apart(self) -> Iterator[Console]:
        """A console whose words reach the caller's when the block ends, all of them together."""
        caller = self._context.console
        out, error = (os.memfd_create(name, os.MFD_CLOEXEC) for name in ("out", "error"))
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        console = Console(nothing, out, error, quiet=caller.quiet)
        console.command = caller.command
        caller.on_cancel(console.cancel)
        try:
            yield console
        finally:
            with self._saying:
                caller.write(content(out))
                caller.write_error(content(error))
            for descriptor in (out, error, nothing):
                os.close(descriptor)


def content(descriptor: int) -> bytes:
    """Everything in a file."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
