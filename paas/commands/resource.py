"""resource: what an app's processes may use."""

from collections.abc import Callable
from typing import Any

import click

from paas.commands import process_report, report
from paas.commands.context import Context
from paas.commands.parameters import app_argument, process_type_option
from paas.commands.permissions import Permission
from paas.commands.registry import alias, command
from paas.deploy import environment
from paas.model import limits
from paas.model.app import App

Decorated = Callable[..., Any]


def limit_options(function: Decorated) -> Decorated:
    """One option for each limit there is."""
    for key, rule in reversed(limits.RULES.items()):
        function = click.option(f"--{key}", type=str, help=f"{rule.words}.".capitalize())(function)
    return function


def given(options: dict[str, str | None]) -> dict[str, str]:
    return {key.replace("_", "-"): value for key, value in options.items() if value is not None}


@command("resource:limit", Permission.WRITE)
@app_argument
@process_type_option
@limit_options
def limit(context: Context, app: App, process_type: str | None, **options: str | None) -> None:
    """Limit what an app's processes may use; without a limit, show what is set.

    `unlimited` lifts the instance's default. Processes take a change when they next start.
    """
    values = given(options)
    where = f"{app.name} ({process_type})" if process_type else app.name
    if not values:
        context.console.heading(f"resource limits {where} information")
        shown = context.platform.store.limits.get(app, process_type)
        show(context, {key: shown.get(key, "") for key in limits.RULES})
        return
    context.platform.store.limits.set(app, process_type, values)
    words = ", ".join(f"{key} {value}" for key, value in values.items())
    context.record("resource", f"{process_type or 'every type'}: {words}", app)
    context.console.heading(f"Setting resource limits for {where}")
    show(context, values)
    context.console.detail(f"Processes take it when they next start: paas ps:restart {app.name}")


def show(context: Context, values: dict[str, str]) -> None:
    for key, value in values.items():
        context.console.line(f"       {key}: {value}".rstrip())


@command("resource:limit-clear", Permission.WRITE)
@app_argument
@process_type_option
def clear(context: Context, app: App, process_type: str | None) -> None:
    """Forget the limits that were set; the instance's defaults hold again."""
    context.platform.store.limits.clear(app, process_type)
    context.record("resource", f"{process_type or 'every type'}: limits cleared", app)
    where = f"{app.name} ({process_type})" if process_type else app.name
    context.console.step(f"Clearing resource limits for {where}")


alias("resource:clear", of="resource:limit-clear")


@command("resource:reserve", Permission.WRITE)
@app_argument
@process_type_option
@limit_options
def reserve(context: Context, app: App, process_type: str | None, **options: str | None) -> None:  # noqa: ARG001
    """Taken for dokku's sake: on one machine nothing can be reserved, so nothing is kept."""
    for key, value in given(options).items():
        limits.check(key, value)
    context.console.warn("Reservations mean nothing on one machine; nothing was changed")
    context.console.warn(f"to limit it instead: paas resource:limit {app.name}")


@command("resource:reserve-clear", Permission.WRITE)
@app_argument
@process_type_option
def reserve_clear(context: Context, app: App, process_type: str | None) -> None:  # noqa: ARG001
    """Taken for dokku's sake: nothing is ever reserved."""
    context.console.step(f"Clearing resource reservations for {app.name}")


def values(context: Context, app: App | None) -> dict[str, str]:
    """Dokku's keys (web.limit.memory), then in words what each process type gets."""
    if app is None:
        return {}
    platform = context.platform
    found = platform.store.limits.all(app)
    kinds = dict.fromkeys([*process_report.scale_of(platform, app), *found])
    rows = {
        f"{kind or '_default_'}.limit.{key}": found.get(kind, {}).get(key, "")
        for kind in kinds
        for key in limits.RULES
    }
    computed = {
        f"{kind}.computed": process_report.limits(environment.limits(platform, app, kind))
        for kind in kinds
        if kind
    }
    return {**rows, **computed}


report.register(
    report.Namespace(
        "resource",
        "resource",
        "the limits of each process type, as set and as they come out",
        values,
        bare=lambda _: True,
    )
)
