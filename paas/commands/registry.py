"""The one registry of commands: name, parameters, permission, help; click parses, no more.

Nouns register their commands here with a decorator; the table looks them up.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import click

from paas.commands import refusals
from paas.commands.accounts import Account, accounted, may_change, only_shows
from paas.commands.context import Context
from paas.commands.occasions import told
from paas.commands.parameters import APP, APP_OR_GLOBAL
from paas.commands.permissions import Permission
from paas.errors import PaasError, UsageError
from paas.model.names import app_name

HELP_WIDTH = 100
GLOBAL = "--global"
GLOBAL_FLAGS = ("quiet", "trace", "force")
Function = Callable[..., int | None]
registry: dict[str, "Command"] = {}


class HelpWanted(Exception):
    """--help was given; text is what to show."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class Command:
    """One entry. passthrough: what follows the app is somebody else's command line.

    dry_run: the parameter that is set when it is only to tell what it would change.
    """

    name: str
    function: Function
    permission: Permission
    parameters: tuple[click.Parameter, ...]
    help: str
    hidden: bool = False
    passthrough: bool = False
    takes_words: bool = False  # a report: app, --global and flags in any order
    takes_dashes: bool = False  # a value may look like a flag
    dry_run: str = ""

    @property
    def namespace(self) -> str:
        return self.name.partition(":")[0]

    @property
    def summary(self) -> str:
        """The help's first line."""
        return self.help.partition("\n")[0]

    @property
    def options(self) -> list[click.Option]:
        """Its own flags that help shows."""
        flags = [one for one in self.parameters if isinstance(one, click.Option)]
        return [one for one in flags if not one.hidden]

    def run(self, context: Context, arguments: Sequence[str]) -> int:
        """Parse and call; the exit code. Whoever uses it wrongly is told what is right."""
        try:
            values = self.parse(context, list(arguments))
            with (
                self.accounted(context, values) as account,
                told(context, self.name, values),
            ):
                account.status = self.function(context, **values) or 0
                return account.status
        except UsageError as error:
            error.hint = error.hint or f"usage: {self.usage()}"
            raise

    def accounted(
        self, context: Context, values: Mapping[str, Any]
    ) -> AbstractContextManager[Account]:
        """How a call went, told where it may change something."""
        looks = values.get(self.dry_run) or only_shows(self.name, values)
        changes = may_change(self.name, self.permission) and not looks
        return accounted(context, self.name, values) if changes else nullcontext(Account())

    def parse(self, context: Context, arguments: list[str]) -> dict[str, Any]:
        """The function's arguments; UsageError with the usage line when they do not fit."""
        target, rest = self.take_target(arguments)
        self.refuse_flags(rest)
        parser = self.parser(without_app=target is not None)
        with self.usage_shown():
            made = parser.make_context(f"paas {self.name}", rest, obj=context)
        values = dict(made.params)
        if target is not None:
            apps = context.platform.store.apps
            values["app"] = None if target == GLOBAL else apps.get(app_name(target))
        return values

    def take_target(self, arguments: list[str]) -> tuple[str | None, list[str]]:
        """The app that --app names (GLOBAL for --global), and the arguments without it."""
        kind = next((one.type for one in self.parameters if one.name == "app"), None)
        for place, word in scanned(arguments, to_first_word=self.passthrough):
            before = arguments[:place]
            if word == GLOBAL and kind is APP_OR_GLOBAL:
                return GLOBAL, before + arguments[place + 1 :]
            if word == "--app":
                name, after = "".join(arguments[place + 1 : place + 2]), arguments[place + 2 :]
            elif word.startswith("--app="):
                name, after = word.removeprefix("--app="), arguments[place + 1 :]
            else:
                continue
            self.check_target(name, kind)
            return (None, [*before, name, *after]) if self.takes_words else (name, before + after)
        return None, arguments

    def refuse_flags(self, arguments: list[str]) -> None:
        """Raise the reason for a flag of dokku's that means nothing here."""
        for _, word in scanned(arguments, to_first_word=self.passthrough):
            if (refusal := refusals.of_flag(self.name, word)) is not None:
                raise refusal

    def check_target(self, name: str, kind: object) -> None:
        if not name:
            raise UsageError("--app needs the name of an app")
        if kind not in (APP, APP_OR_GLOBAL) and not self.takes_words:
            raise UsageError(f"{self.name} takes no --app")

    def parser(self, *, without_app: bool = False) -> click.Command:
        """Click's view of the command, with the flags every command has."""
        own = [one for one in self.parameters if not (without_app and one.name == "app")]
        return click.Command(
            self.name,
            params=[*own, *common_options(own)],
            help=self.help,
            add_help_option=False,
            context_settings={
                "terminal_width": HELP_WIDTH,
                "max_content_width": HELP_WIDTH,
                "allow_interspersed_args": not self.passthrough,
                "ignore_unknown_options": self.takes_words or self.takes_dashes,
            },
        )

    def usage(self) -> str:
        """`paas apps:create [OPTIONS] NAME`."""
        parser = self.parser()
        made = click.Context(parser, info_name=f"paas {self.name}")
        return " ".join(parser.get_usage(made).removeprefix("Usage: ").split())

    def help_text(self) -> str:
        """What --help shows."""
        parser = self.parser()
        made = click.Context(
            parser, info_name=f"paas {self.name}", terminal_width=HELP_WIDTH,
            max_content_width=HELP_WIDTH,
        )  # fmt: skip
        return parser.get_help(made)

    @contextmanager
    def usage_shown(self) -> Iterator[None]:
        """Click's complaints become ours, with the usage line as the hint."""
        try:
            yield
        except click.ClickException as error:
            message = error.format_message().rstrip(".")
            raise UsageError(message, f"usage: {self.usage()}") from None


def scanned(arguments: list[str], *, to_first_word: bool) -> Iterator[tuple[int, str]]:
    """Arguments that may be flags: up to `--`, or to the first that is not a flag."""
    skip = False
    for place, word in enumerate(arguments):
        if word == "--" or (to_first_word and not word.startswith("-") and not skip):
            return
        skip = word == "--app"
        yield place, word


def common_options(own: Sequence[click.Parameter]) -> list[click.Option]:
    """--help and the global flags, unless the command has its own of that name."""
    taken = {name for one in own for name in one.opts}

    def show_help(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            raise HelpWanted(ctx.get_help())

    def set_flag(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
        if wanted and option.name == "quiet":
            ctx.obj.console.quiet = True
        elif wanted:
            setattr(ctx.obj, str(option.name), True)

    asked = click.Option(
        ["--help"], is_flag=True, is_eager=True, expose_value=False, callback=show_help,
        help="Show this and do nothing.",
    )  # fmt: skip
    flags = [
        click.Option([f"--{flag}"], is_flag=True, expose_value=False, hidden=True,
                     callback=set_flag)
        for flag in GLOBAL_FLAGS
    ]  # fmt: skip
    return [one for one in (*flags, asked) if not taken.intersection(one.opts)]


def command(
    name: str,
    permission: Permission,
    *,
    hidden: bool = False,
    passthrough: bool = False,
    takes_words: bool = False,
    takes_dashes: bool = False,
    dry_run: str = "",
) -> Callable[[Function], Function]:
    """Register a function as a command; click's decorators below it declare its parameters.

    The docstring is its help. The function's arguments are Context, then the
    parameters by name; it returns an exit code, or None for 0.
    """

    def register(function: Function) -> Function:
        parameters = tuple(reversed(getattr(function, "__click_params__", [])))
        text = inspect.cleandoc(function.__doc__ or "")
        if not text:
            raise PaasError(f"command {name} has no help")
        if name in registry:
            raise PaasError(f"command {name} is registered twice")
        if dry_run and dry_run not in {one.name for one in parameters}:
            raise PaasError(f"command {name} has no parameter {dry_run}")
        registry[name] = Command(
            name, function, Permission(permission), parameters, text, hidden, passthrough,
            takes_words, takes_dashes, dry_run,
        )  # fmt: skip
        return function

    return register


def alias(name: str, of: str) -> None:
    """A second name for a command, not listed in help."""
    registry[name] = replace(registry[of], name=name, hidden=True)
