"""config: environment variables. Values are shown only by the commands that are asked for them."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from textwrap import shorten

import click

from paas.commands import config_formats
from paas.commands.config_formats import FORMATS
from paas.commands.context import Context
from paas.commands.parameters import (
    ASSIGNMENT,
    ENV_KEY,
    app_or_global_argument,
    format_option,
    no_restart_option,
)
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import pipeline
from paas.errors import PaasError, UsageError
from paas.failpoints import failpoint
from paas.model.app import App
from paas.store.config import Config

# Linux refuses a longer string in a process's environment (MAX_ARG_STRLEN, execve(2))
VALUE_BYTES = 128 * 1024 - 1
TOTAL_BYTES = 1 << 20
DESCRIPTION_LENGTH = 100

build_option = click.option(
    "--build", is_flag=True, help="Of builds alone: no process of the app ever sees these."
)
merged_option = click.option(
    "--merged", is_flag=True, help="With the instance's variables under the app's."
)


@command("config:show", Permission.SECRETS)
@app_or_global_argument
@merged_option
@build_option
@format_option
def show(context: Context, app: App | None, merged: bool, build: bool, format_: str) -> None:
    """Show every variable with its value."""
    values = values_of(context, app, merged=merged, build=build)
    if format_ == "json":
        context.console.json(values)
        return
    context.console.heading(f"{app.name if app else 'global'} {'build ' * build}env vars")
    if values:
        context.console.line(FORMATS["pretty"](values))


@command("config:get", Permission.SECRETS)
@app_or_global_argument
@click.argument("key", type=ENV_KEY)
@click.option("--quoted", is_flag=True, help="In quotes, for a shell.")
@build_option
def get(context: Context, app: App | None, key: str, quoted: bool, build: bool) -> None:
    """Print one variable's value; exit 1 when it is not set."""
    value = store_of(context, build=build).get(app).get(key)
    if value is None:
        raise PaasError(f"{key} is not set", "see which are: paas config:keys")
    context.console.line(FORMATS["shell"]({key: value}).partition("=")[2] if quoted else value)


@command("config:keys", Permission.READ)
@app_or_global_argument
@merged_option
@build_option
@format_option
def keys(context: Context, app: App | None, merged: bool, build: bool, format_: str) -> None:
    """List the names of variables, without values."""
    found = [*values_of(context, app, merged=merged, build=build)]
    if format_ == "json":
        context.console.json(found)
    elif found:
        context.console.line("\n".join(found))


@command("config:export", Permission.SECRETS)
@app_or_global_argument
@click.option("--format", "format_", type=click.Choice([*FORMATS]), default="exports",
              help="The form to write them in.")  # fmt: skip
@click.option("--envfile", is_flag=True, help="The same as --format envfile.")
@merged_option
@build_option
def export(
    context: Context, app: App | None, format_: str, envfile: bool, merged: bool, build: bool
) -> None:
    """Print every variable in a form that a shell or a program reads."""
    values = values_of(context, app, merged=merged, build=build)
    text = FORMATS["envfile" if envfile else format_](values)
    if text:
        context.console.line(text)


@command("config:set", Permission.SECRETS)
@app_or_global_argument
@click.argument("assignments", type=ASSIGNMENT, nargs=-1, required=True, metavar="KEY=VALUE...")
@no_restart_option
@click.option("--encoded", is_flag=True, help="The values are base64: for line ends and spaces.")
@build_option
def set_values(
    context: Context,
    app: App | None,
    assignments: Sequence[tuple[str, str]],
    no_restart: bool,
    encoded: bool,
    build: bool,
) -> None:
    """Set variables, all or none, and deploy the change unless --no-restart is given."""
    values = {key: decoded(key, value) if encoded else value for key, value in assignments}
    check_sizes(context, app, values, build=build)
    failpoint("config.begin")
    store_of(context, build=build).set(app, values)
    failpoint("config.stored")
    context.console.step(f"Setting {'build ' * build}config vars")
    context.console.detail("\n".join(values))
    changed(context, app, f"Set {', '.join(values)}", build=build, no_restart=no_restart)


@command("config:unset", Permission.SECRETS)
@app_or_global_argument
@click.argument("keys", type=ENV_KEY, nargs=-1, required=True)
@no_restart_option
@build_option
def unset(
    context: Context, app: App | None, keys: Sequence[str], no_restart: bool, build: bool
) -> None:
    """Forget variables and deploy the change unless --no-restart is given."""
    store = store_of(context, build=build)
    present = store.get(app)
    gone = [key for key in dict.fromkeys(keys) if key in present]
    for key in keys:
        if key not in present:
            context.console.step(f"Skipping {key}, it is not set in the environment")
    if gone:
        store.unset(app, gone)
        context.console.step(f"Unsetting {' '.join(gone)}")
        changed(context, app, f"Unset {', '.join(gone)}", build=build, no_restart=no_restart)


@command("config:clear", Permission.SECRETS)
@app_or_global_argument
@no_restart_option
@build_option
def clear(context: Context, app: App | None, no_restart: bool, build: bool) -> None:
    """Forget every variable and deploy the change unless --no-restart is given."""
    store = store_of(context, build=build)
    if store.get(app):
        store.replace(app, {})
        context.console.step(f"Unsetting all {'build ' * build}config vars")
        changed(context, app, "Clear config", build=build, no_restart=no_restart)


@command("config:bundle", Permission.SECRETS)
@app_or_global_argument
@merged_option
@build_option
def bundle(context: Context, app: App | None, merged: bool, build: bool) -> None:
    """Write a tar archive to standard output: a file for each variable, named after it."""
    if context.console.is_terminal:
        raise UsageError("an archive is nothing for a terminal", "paas config:bundle ... > env.tar")
    values = values_of(context, app, merged=merged, build=build)
    context.console.write(config_formats.bundle(values))


@command("config:import", Permission.SECRETS)
@app_or_global_argument
@click.option("--replace", is_flag=True, help="Forget every variable that is not in the input.")
@no_restart_option
@build_option
def import_values(
    context: Context, app: App | None, replace: bool, no_restart: bool, build: bool
) -> None:
    """Set variables from lines of KEY=value on standard input: nothing shows in a process list."""
    text = input_text(context)
    pairs = (line_of(number, line) for number, line in enumerate(text.splitlines(), start=1))
    values = dict(pair for pair in pairs if pair)
    if not values:
        raise UsageError("standard input has no variables", "give lines of KEY=value")
    check_sizes(context, app, values, build=build)
    store = store_of(context, build=build)
    (store.replace if replace else store.set)(app, values)
    context.console.step(f"Setting {'build ' * build}config vars")
    context.console.detail("\n".join(values))
    words = f"{'Replace all by' if replace else 'Set'} {', '.join(values)}"
    changed(context, app, words, build=build, no_restart=no_restart)


def input_text(context: Context) -> str:
    """Standard input as text; UsageError for what no environment can hold."""
    data = context.console.read_all(TOTAL_BYTES + 1)
    if len(data) > TOTAL_BYTES:
        raise UsageError(f"standard input is longer than {TOTAL_BYTES >> 20} MiB")
    if b"\0" in data:
        raise UsageError("standard input has a NUL in it, which no environment can hold")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8 text") from None


def line_of(number: int, line: str) -> tuple[str, str] | None:
    """Key and value of one line of an env file; None for an empty line or a comment."""
    text = line.strip().removeprefix("export ")
    if not text or text.startswith("#"):
        return None
    try:
        key, value = ASSIGNMENT.rule(text)
    except UsageError as error:
        raise UsageError(f"line {number}: {error.message}", error.hint) from None
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        inner = value[1:-1]
        return key, unescaped(inner) if value[0] == '"' else inner
    return key, value


def unescaped(text: str) -> str:
    """A double-quoted value of an env file, its escapes undone."""
    meant = {"n": "\n", "r": "\r", "t": "\t"}
    parts = iter(text)
    return "".join(
        meant.get(mark := next(parts, ""), mark) if one == "\\" else one for one in parts
    )


def store_of(context: Context, *, build: bool) -> Config:
    """Where variables are: of apps and their builds, or of builds alone."""
    store = context.platform.store
    return store.build_config if build else store.config


def values_of(context: Context, app: App | None, *, merged: bool, build: bool) -> dict[str, str]:
    store = store_of(context, build=build)
    return store.merged(app) if merged and app else store.get(app)


def decoded(key: str, value: str) -> str:
    """The text behind base64; UsageError when it is none."""
    try:
        text = base64.b64decode("".join(value.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise UsageError(f"the value of {key} is not base64 of UTF-8 text") from None
    if "\0" in text:
        raise UsageError(f"the value of {key} has a NUL in it, which no environment can hold")
    return text


def check_sizes(
    context: Context, app: App | None, values: Mapping[str, str], *, build: bool
) -> None:
    """Refuse what the kernel would refuse when the process starts."""
    for key, value in values.items():
        if len(f"{key}={value}".encode()) > VALUE_BYTES:
            raise UsageError(f"the value of {key} is longer than {VALUE_BYTES >> 10} KiB")
    present = values_of(context, app, merged=True, build=build)
    total = sum(len(f"{key}={value}".encode()) for key, value in {**present, **values}.items())
    if total > TOTAL_BYTES:
        raise UsageError(f"all variables together are longer than {TOTAL_BYTES >> 20} MiB")


def changed(
    context: Context, app: App | None, description: str, *, build: bool, no_restart: bool
) -> None:
    """Note the change and cut a release with it, where the app has one; global changes wait."""
    context.record("config", f"{description}{' for builds' * build}", app)
    if build:
        context.console.detail("The next push takes it")
    elif app is None:
        context.console.detail("Apps take this with their next deploy")
    elif not no_restart:
        words = shorten(description, DESCRIPTION_LENGTH, placeholder=" ...")
        try:
            pipeline.redeploy(
                context.platform, app.name, context.console, context.caller.name, words
            )
        except PaasError:
            context.console.warn("The config is changed, but the release before still serves")
            raise
