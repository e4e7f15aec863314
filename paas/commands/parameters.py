"""The kinds of arguments commands take. Each one checks its text and says what is wrong with it."""

import re
from collections.abc import Callable
from typing import Any, cast

import click

from paas.errors import UsageError
from paas.model import names
from paas.model.app import App

KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
CONTAINER = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,80}[a-z0-9])?")


def printable(text: str, what: str) -> str:
    """The text when it has no control characters and is not overlong."""
    if text.isprintable() and len(text) <= 4096:
        return text
    raise UsageError(f"{what} must be one line of printable text")


def file_name(text: str) -> str:
    """A path; an empty one is no other way of saying none, as an unset variable of a script's."""
    if printable(text, "the name of a file"):
        return text
    raise UsageError("the name of a file is empty", "leave it out if there is none")


class ExistingApp(click.ParamType[App]):
    """An app by its name; AppNotFound (exit 20) when there is none."""

    name = "app"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002 - click's signature
        ctx: click.Context | None,
    ) -> App:
        if isinstance(value, App) or ctx is None:
            return cast("App", value)
        return cast("App", ctx.obj.platform.store.apps.get(names.app_name(value)))


class Checked(click.ParamType[Any]):
    """Text that a rule accepts, in the form the rule returns."""

    def __init__(self, name: str, rule: Any) -> None:
        self.name = name
        self.rule = rule

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002 - click's signature
        ctx: click.Context | None,  # noqa: ARG002
    ) -> Any:
        return self.rule(value) if isinstance(value, str) else value


def key_name(text: str) -> str:
    if KEY_NAME.fullmatch(text):
        return text
    raise UsageError(
        f"{text[:80]!r} is not a name for a key",
        "use letters, digits and . _ @ -, at most 64, beginning with a letter or digit",
    )


def container_name(text: str) -> str:
    if CONTAINER.fullmatch(text) and ".." not in text:
        return text
    raise UsageError(
        f"{text[:80]!r} is not a process or container",
        "give a process type (web), one of its instances (web.1) or a container id",
    )


def scaling(text: str) -> tuple[str, int]:
    """`worker=2`."""
    kind, equals, count = text.partition("=")
    if not equals or not re.fullmatch(r"\d{1,4}", count, re.ASCII):
        raise UsageError(f"{text[:80]!r} is not of the form worker=2")
    return names.process_type(kind), int(count)


def version_number(text: str) -> int:
    """`v3` or `3`."""
    if re.fullmatch(r"v?[1-9]\d{0,8}", text, re.ASCII):
        return int(text.removeprefix("v"))
    raise UsageError(f"{text[:80]!r} is not a release", "give its number, such as v3")


def assignment(text: str) -> tuple[str, str]:
    """`KEY=value`; the value is never repeated in an error."""
    key, equals, value = text.partition("=")
    names.env_key(key)
    if not equals:
        raise UsageError(f"{key} has no value", f"give it one: {key}=value")
    return key, value


def one_of(*words: str) -> Callable[[str], str]:
    """A rule: one of these words."""

    def rule(text: str) -> str:
        if text in words:
            return text
        raise UsageError(f"{text[:80]!r} is not one of {', '.join(words)}")

    return rule


def whole_number(least: int, most: int, unit: str) -> Callable[[str], str]:
    """A rule: whole numbers within bounds."""

    def rule(text: str) -> str:
        if re.fullmatch(r"-?\d{1,6}", text, re.ASCII) and least <= int(text) <= most:
            return str(int(text))
        raise UsageError(f"{text[:80]!r} is not a number of {unit} from {least} to {most}")

    return rule


APP = ExistingApp()
APP_OR_GLOBAL = ExistingApp()  # the command line may say --global in its place
NEW_APP = Checked("name", names.app_name)
DOMAIN = Checked("domain", names.domain_name)
ENV_KEY = Checked("key", names.env_key)
PROCESS_TYPE = Checked("process-type", names.process_type)
KEY_NAMED = Checked("name", key_name)
CONTAINER_NAMED = Checked("container", container_name)
SCALING = Checked("type=count", scaling)
VERSION = Checked("version", version_number)
ASSIGNMENT = Checked("key=value", assignment)
FILE = Checked("file", file_name)
TEXT = Checked("text", lambda text: printable(text, "an argument"))

app_argument = click.argument("app", type=APP)
app_or_global_argument = click.argument("app", type=APP_OR_GLOBAL, metavar="APP|--global")
format_option = click.option(
    "--format",
    "format_",
    type=click.Choice(["stdout", "text", "json"]),
    default="stdout",
    help="json for programs; stdout, a table or list for people, is the default.",
)
no_restart_option = click.option(
    "--no-restart", is_flag=True, help="Do not deploy the change now; the next deploy takes it."
)
all_option = click.option("--all", "every", is_flag=True, help="Every app that was deployed.")
process_type_option = click.option(
    "--process-type", type=PROCESS_TYPE, help="Only for processes of this type."
)
