"""Reports and properties: the one mechanism behind every `:report` and `:set`.

A namespace says which properties it has and how to compute the rest of its report;
the commands, their flags, their JSON and their checks are made here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import click

from paas.commands import refusals
from paas.commands.context import Context
from paas.commands.parameters import app_or_global_argument, format_option, printable
from paas.commands.permissions import Permission, allowed
from paas.commands.registry import command
from paas.errors import PaasError, PermissionDenied, UsageError
from paas.model.app import App
from paas.model.names import app_name

# keys of a report, without the namespace's prefix, in the order they are shown
Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Property:
    """One settable key. check returns the text to keep, or raises PaasError.

    default is what holds when neither the app nor the instance sets it. kept and shown,
    where the text alone does not say whether it may be kept, turn an app's text into
    what is kept and that into text again. empty is kept where no value is given, if that is to
    mean none at all rather than the default. hidden tells what may be shown of a secret: the
    text itself is kept sealed, and may come on standard input. Where joined, what the
    instance has holds beside what the app has. globally: who may set the instance's.
    """

    key: str
    words: str
    check: Callable[[str], str]
    default: Callable[[Context], str] = lambda _: ""
    has_global: bool = True
    has_app: bool = True
    kept: Callable[[Context, App, str], str] | None = None
    shown: Callable[[Context, str], str] = lambda _, text: text
    empty: str | None = None
    hidden: Callable[[str], str] | None = None
    joined: bool = False
    globally: Permission = Permission.WRITE


@dataclass(frozen=True, slots=True)
class Namespace:
    """One noun's report. bare names keys shown without the prefix, as dokku shows them.

    setter is the command that sets properties, where `set` means something else. applied
    makes a change, and has it take effect; it raises where that cannot be, with nothing changed.
    """

    name: str
    prefix: str
    words: str
    values: Callable[[Context, App | None], Values] = lambda _, __: {}
    properties: tuple[Property, ...] = ()
    bare: Callable[[str], bool] = lambda _: False
    after_set: str = ""
    when_set: Callable[[Context, App | None], None] | None = None
    permission: Permission = Permission.READ
    setter: str = "set"
    set_permission: Permission = Permission.WRITE
    applied: Callable[[Context, App | None, Callable[[], None]], None] = (
        lambda _context, _app, alter: alter()
    )

    def rows(self, context: Context, app: App | None) -> dict[str, str]:
        """The whole report of an app, or of the instance."""
        found = dict(self.values(context, app))
        for one in self.properties:
            found.update(self.property_rows(context, one, app))
        return found

    def property_rows(self, context: Context, one: Property, app: App | None) -> Values:
        """What the app has set, what the instance has (global-), and what holds (computed-)."""
        kept = set_text(context, self, one, app) if app else ""
        kept_shared = set_text(context, self, one, None) if one.has_global else ""
        own, shared = (one.shown(context, text) if text else "" for text in (kept, kept_shared))
        both = ",".join(filter(None, (own, shared))) if one.joined else own or shared
        computed = both or one.default(context)
        if one.empty is not None and (kept or kept_shared) == one.empty:
            computed = ""
        rows = {f"computed-{one.key}": computed, f"global-{one.key}": shared}
        return {**rows, one.key: own} if app else rows


SPACES: dict[str, Namespace] = {}


def set_text(context: Context, space: Namespace, one: Property, app: App | None) -> str:
    """What is set of a property, as it may be shown; "" for nothing."""
    store = context.platform.store
    if one.hidden is None:
        return store.properties.get(app, space.name, one.key) or ""
    try:
        text = store.secrets.get(app, space.name, one.key)
        return one.hidden(text) if text else ""
    except PaasError as error:
        return f"({error.message})"


def accepts(namespace: str, key: str, value: str) -> bool | None:
    """Whether `<namespace>:set APP key value` would keep this very value; None: there is no such.

    What is kept otherwise than it is set is not known here.
    """
    space = SPACES.get(namespace)
    for one in space.properties if space else ():
        if one.key == key and one.has_app and one.kept is None and one.hidden is None:
            try:
                return one.check(printable(value, key)) == value
            except PaasError:
                return False
    return None


def register(space: Namespace) -> None:
    """Make `<name>:report`, and `<name>:set` (or its setter) when there are properties."""
    SPACES[space.name] = space
    make_report(space)
    if space.properties:
        make_set(space)


def make_report(space: Namespace) -> None:
    @click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[APP|--global] [--KEY]")
    @format_option
    def report(context: Context, words: Sequence[str], format_: str) -> None:
        everything = "--global" in words
        flags = [word for word in words if word.startswith("-") and word != "--global"]
        names = [word for word in words if not word.startswith("-")]
        if len(flags) > 1 or len(names) > 1 or (names and everything):
            raise UsageError("give one app (or --global) and one flag at most")
        if everything or names or flags:
            app = None if everything else target(context, names)
            show_one(context, space, app, flags, format_)
        else:
            show_all(context, space, format_)

    report.__doc__ = (
        f"Show {space.words}, of every app, of one, or the instance's defaults.\n\n"
        f"A flag named after a key (--{space.prefix}-{example(space)}) shows its value alone."
    )
    command(f"{space.name}:report", space.permission, takes_words=True)(report)


def example(space: Namespace) -> str:
    return space.properties[0].key if space.properties else "key"


def target(context: Context, names: Sequence[str]) -> App:
    if not names:
        raise UsageError("a flag needs an app (or --global) beside it")
    return context.platform.store.apps.get(app_name(names[0]))


def show_one(
    context: Context, space: Namespace, app: App | None, flags: Sequence[str], format_: str
) -> None:
    rows = space.rows(context, app)
    if flags:
        context.console.line(value_of(space, rows, flags[0]))
    elif format_ == "json":
        context.console.json(both_forms(space, rows))
    else:
        show(context, space, app, rows)


def show_all(context: Context, space: Namespace, format_: str) -> None:
    """Every app's report; in JSON a list, each entry with its app's name under `app`."""
    apps = context.apps()
    with context.platform.store.view():
        found = [(app, space.rows(context, app)) for app in apps]
    if format_ == "json":
        context.console.json([{"app": app.name, **both_forms(space, rows)} for app, rows in found])
        return
    if not apps:
        context.console.warn("You haven't deployed any applications yet")
    for app, rows in found:
        show(context, space, app, rows)


def value_of(space: Namespace, rows: Values, flag: str) -> str:
    """The value a flag asks for, with or without the namespace's prefix."""
    key = flag.lstrip("-")
    found = rows.get(key, rows.get(key.removeprefix(f"{space.prefix}-")))
    if found is None:
        known = ", ".join(f"--{space.prefix}-{one}" for one in rows)
        raise UsageError(f"there is no flag {flag[:80]} here", f"known: {known}")
    return found


def both_forms(space: Namespace, rows: Values) -> dict[str, str]:
    """Keys as they are and with the prefix: dokku's scripts use either."""
    return {**rows, **{f"{space.prefix}-{key}": value for key, value in rows.items()}}


def show(context: Context, space: Namespace, app: App | None, rows: Values) -> None:
    """`=====> blog ps information` and a line a key."""
    console = context.console
    console.heading(f"{app.name if app else 'Global'} {space.prefix} information")
    labels = {key: label(space, key) for key in rows}
    width = max((len(text) for text in labels.values()), default=0) + 2
    for key, value in rows.items():
        console.line(f"       {(labels[key] + ':').ljust(width)} {value}".rstrip())


def label(space: Namespace, key: str) -> str:
    text = key if space.bare(key) else f"{space.prefix}-{key}"
    words = re.sub(r"-|\.(?=[a-z])", " ", text)
    return words[:1].upper() + words[1:]


def make_set(space: Namespace) -> None:
    known = {one.key: one for one in space.properties}

    @app_or_global_argument
    @click.argument("key", type=str)
    @click.argument("value", type=str, required=False)
    def set_property(context: Context, app: App | None, key: str, value: str | None) -> None:
        one = known.get(key)
        if one is None:
            raise refusals.of_property(space.name, key) or PaasError(
                f"there is no property {key[:80]!r} of {space.name}",
                f"known: {', '.join(known)}",
            )
        if app is None and not one.has_global:
            raise PaasError(f"{key} is a property of apps, not of the instance", "name an app")
        if app is not None and not one.has_app:
            raise PaasError(f"{key} is a property of the instance, not of apps", "say --global")
        if app is None and not allowed(context.caller, one.globally):
            raise PermissionDenied(f"{context.caller.name} may not set {key} of the instance")
        if value == "-" and one.hidden:
            value = context.given_line(one.key)
        text = one.check(printable(value, key)) if value else one.empty
        space.applied(context, app, lambda: keep(context, space, one, app, text))
        said = text if value else None
        checked = one.hidden(said) if one.hidden and said else said
        words = f"Set {key} to {checked}" if checked else f"Unset {key}"
        context.record("setting", f"{space.name}: {words}", app)
        if space.when_set is not None:
            space.when_set(context, app)
        where = app.name if app else "the instance"
        done = (
            f"Setting {key} of {where} to {checked}" if checked else f"Unsetting {key} of {where}"
        )
        context.console.heading(done)
        if space.after_set:
            context.console.detail(space.after_set)

    lines = "\n\n".join(f"{one.key}: {one.words}" for one in space.properties)
    set_property.__doc__ = f"Set a property of {space.name}; without a value, unset it.\n\n{lines}"
    name = f"{space.name}:{space.setter}"
    command(name, space.set_permission, takes_dashes=True)(set_property)


def keep(
    context: Context, space: Namespace, one: Property, app: App | None, text: str | None
) -> None:
    """Keep a property's checked text, as one change with what is looked up for it."""
    with context.platform.store.together():
        if text and app and one.kept:
            text = one.kept(context, app, text)
        store = context.platform.store
        (store.secrets if one.hidden else store.properties).set(app, space.name, one.key, text)
