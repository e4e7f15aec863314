"""resource: what an app's processes may use, and what is kept free for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from paas.commands import process_report, report
from paas.commands.context import Context
from paas.commands.parameters import app_argument, process_type_option
from paas.commands.permissions import Permission
from paas.commands.registry import alias, command
from paas.deploy import environment
from paas.errors import UsageError
from paas.model import limits
from paas.model.app import App
from paas.model.limits import Rule

BOTH_WAYS = "network"
Decorated = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """Limits, or reservations: what can be said of them, and how it is kept and told."""

    rules: Mapping[str, Rule]
    prefix: str  # of the keys they are kept under
    verb: str  # in the names of commands, and of keys in a report
    words: str

    def options(self, function: Decorated) -> Decorated:
        """One option for each there is; dokku's --network goes both ways."""
        names = {key: rule.words for key, rule in self.rules.items()}
        if f"{BOTH_WAYS}-ingress" in names:
            names[BOTH_WAYS] = "bytes a second, in and out alike"
        for key, words in reversed(names.items()):
            function = click.option(f"--{key}", type=str, help=f"{words}.".capitalize())(function)
        return function

    def given(self, options: Mapping[str, str | None]) -> dict[str, str]:
        """What was said, by the key it is kept under."""
        said = {key.replace("_", "-"): value for key, value in options.items() if value is not None}
        if both := said.pop(BOTH_WAYS, None):
            said = {f"{BOTH_WAYS}-ingress": both, f"{BOTH_WAYS}-egress": both, **said}
        return {f"{self.prefix}{key}": value for key, value in said.items()}

    def of(self, kept: Mapping[str, str]) -> dict[str, str]:
        """All of them, as they are named in commands; "" for what is not set."""
        return {key: kept.get(f"{self.prefix}{key}", "") for key in self.rules}


LIMITS = Kind(limits.LIMITS, "", "limit", "limits")
RESERVATIONS = Kind(limits.RESERVATIONS, limits.RESERVED, "reserve", "reservation")


@command("resource:limit", Permission.WRITE)
@app_argument
@process_type_option
@LIMITS.options
def limit(context: Context, app: App, process_type: str | None, **options: str | None) -> None:
    """Limit what an app's processes may use; without a limit, show what is set.

    `unlimited` lifts the instance's default. Processes take a change when they next start.
    """
    put(context, LIMITS, app, process_type, options)


@command("resource:reserve", Permission.WRITE)
@app_argument
@process_type_option
@RESERVATIONS.options
def reserve(context: Context, app: App, process_type: str | None, **options: str | None) -> None:
    """Keep memory or processors for an app's processes; without one, show what is set.

    Reserved memory is taken from a process last when the server runs short of it. Who
    reserves several cores weighs as much more than the others where processors are short.
    """
    put(context, RESERVATIONS, app, process_type, options)


def put(
    context: Context,
    kind: Kind,
    app: App,
    process_type: str | None,
    options: Mapping[str, str | None],
) -> None:
    """Set what was said, or show what is set where nothing was."""
    values, where = kind.given(options), place(app, process_type)
    store = context.platform.store.limits
    if not values:
        scope = f"({process_type})" if process_type else "[defaults]"
        context.console.heading(f"resource {kind.words} {app.name} information {scope}")
        show(context, kind.of(store.get(app, process_type)))
        return
    if any(not value for value in values.values()):
        raise UsageError("a limit has a value", f"to lift it: paas resource:{kind.verb}-clear ...")
    store.set(app, process_type, values)
    words = ", ".join(f"{key} {value}" for key, value in values.items())
    context.record("resource", f"{process_type or 'every type'}: {words}", app)
    context.console.heading(f"Setting resource {kind.words} for {where}")
    show(context, {key.removeprefix(kind.prefix): value for key, value in values.items()})
    context.console.detail(f"Processes take it when they next start: paas ps:restart {app.name}")


def place(app: App, process_type: str | None) -> str:
    return f"{app.name} ({process_type})" if process_type else app.name


def show(context: Context, values: dict[str, str]) -> None:
    for key, value in values.items():
        context.console.line(f"       {key}: {value}".rstrip())


@command("resource:limit-clear", Permission.WRITE)
@app_argument
@process_type_option
def clear(context: Context, app: App, process_type: str | None) -> None:
    """Forget the limits that were set; the instance's defaults hold again."""
    forget(context, LIMITS, app, process_type)


@command("resource:reserve-clear", Permission.WRITE)
@app_argument
@process_type_option
def reserve_clear(context: Context, app: App, process_type: str | None) -> None:
    """Forget what was reserved."""
    forget(context, RESERVATIONS, app, process_type)


def forget(context: Context, kind: Kind, app: App, process_type: str | None) -> None:
    keys = [f"{kind.prefix}{key}" for key in kind.rules]
    context.platform.store.limits.clear(app, process_type, keys)
    context.record("resource", f"{process_type or 'every type'}: {kind.words} cleared", app)
    context.console.step(f"Clearing resource {kind.words} for {place(app, process_type)}")


alias("resource:clear", of="resource:limit-clear")


def values(context: Context, app: App | None) -> dict[str, str]:
    """Dokku's keys (web.limit.memory), then in words what each process type gets."""
    if app is None:
        return {}
    platform = context.platform
    found = platform.store.limits.all(app)
    types = dict.fromkeys([*process_report.scale_of(platform, app), *found])
    rows = {
        f"{name or '_default_'}.{kind.verb}.{key}": value
        for name in types
        for kind in (LIMITS, RESERVATIONS)
        for key, value in kind.of(found.get(name, {})).items()
    }
    computed = {
        f"{name}.computed": process_report.limits(environment.limits(platform, app, name))
        for name in types
        if name
    }
    return {**rows, **computed}


report.register(
    report.Namespace(
        "resource",
        "resource",
        "the limits and reservations of each process type, as set and as they come out",
        values,
        bare=lambda _: True,
    )
)
