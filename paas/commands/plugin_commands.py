"""Commands that plugins bring: entries of the one table, with permission and help as any other.

A plugin's own programs run on the caller's streams and get the words as they were typed, the
command's name before them, as dokku gives them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import click

from paas.commands.accounts import accounted
from paas.commands.context import Context
from paas.commands.permissions import Permission
from paas.commands.registry import Command, HelpWanted, registry
from paas.errors import PaasError, UsageError
from paas.model.plugin import OwnCommand
from paas.platform import Platform
from paas.plugins.environment import NOT_IMPLEMENTED, Call
from paas.plugins.index import Present, command_file
from paas.plugins.places import HOOKS

WORDS = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)


class NotKnown(UsageError):
    """A plugin's program does not know a command that it was asked for."""


@dataclass(frozen=True, slots=True)
class PluginCommand(Command):
    """One entry; arguments: what the plugin says they are."""

    arguments: str = ""
    plugin: str = HOOKS

    def run(self, context: Context, arguments: Sequence[str]) -> int:
        """Pass the words on; --help alone is answered here."""
        if arguments[:1] == ["--help"]:
            raise HelpWanted(self.help_text())
        app, words = taken_app(list(arguments))
        return run(context, self.name, words, app)

    def usage(self) -> str:
        return f"paas {self.name} {self.arguments}".rstrip()

    def help_text(self) -> str:
        return f"Usage: {self.usage()}\n\n  {self.help}\n\n  A command of plugin {self.plugin}."


def taken_app(words: list[str]) -> tuple[str, list[str]]:
    """The app of a global --app, which stands first, and the words without it."""
    if words and words[0].startswith("--app="):
        return words[0].removeprefix("--app="), words[1:]
    return "", words


def commands(platform: Platform) -> dict[str, Command]:
    """What enabled plugins bring, but for what is there already."""
    every = platform.plugins.index.commands
    return {name: entry(own, one) for name, (own, one) in every.items() if name not in registry}


def asked_for(platform: Platform, name: str) -> Command | None:
    """What nobody told us of, and the `commands` of the plugin it belongs to may know."""
    one = namesake(platform, name)
    return entry(OwnCommand(name), one) if one else None


def namesake(platform: Platform, name: str) -> Present | None:
    """The enabled plugin of a command's namespace, if it has `commands`."""
    one = platform.plugins.index.present.get(name.partition(":")[0])
    able = one is not None and one.plugin.enabled and command_file(one, name) is not None
    return one if able else None


def found(platform: Platform, name: str) -> tuple[OwnCommand, Present]:
    """A command and its plugin, as they are now."""
    if name in platform.plugins.index.commands:
        return platform.plugins.index.commands[name]
    if one := namesake(platform, name):
        return OwnCommand(name), one
    raise PaasError(f"`{name[:80]}` is not a paas command any more", "see paas help")


def entry(own: OwnCommand, one: Present) -> Command:
    summary = own.summary or one.manifest.description or f"A command of plugin {one.plugin.name}."
    return PluginCommand(
        own.name,
        lambda context, words: run(context, own.name, list(words), ""),
        Permission(own.permission),
        (WORDS,),
        summary,
        passthrough=True,
        arguments=own.usage,
        plugin=one.plugin.name,
    )


def run(context: Context, name: str, words: list[str], app: str) -> int:
    """Run a plugin's command to its end; its exit code. What may change something is told."""
    own, one = found(context.platform, name)
    if own.permission in (Permission.PUBLIC, Permission.READ):
        return ran(context, one, name, words, app)
    with accounted(context, name, {"words": words}) as account:
        account.status = ran(context, one, name, words, app)
        if account.status == 0:
            context.record("plugin", f"{name} of plugin {one.plugin.name}")
    return account.status


def ran(context: Context, one: Present, name: str, words: list[str], app: str) -> int:
    path = command_file(one, name)
    if path is None:
        raise PaasError(f"plugin {one.plugin.name} has no program for {name}", "tell its author")
    caller, console = context.caller, context.console
    call = Call(
        caller.door, caller.name, app, console.quiet, trace=context.trace, force=context.force
    )
    status = context.platform.plugins.runs.command(
        one.listener(path), (name, *words), call, console
    )
    if status == NOT_IMPLEMENTED:
        raise NotKnown(f"plugin {one.plugin.name} does not know {name} itself", "tell its author")
    return status


def helped(platform: Platform, namespace: str) -> Mapping[str, str]:
    """A line of help for each namespace that plugins bring."""
    return {
        own.name.partition(":")[0]: one.manifest.description
        for own, one in platform.plugins.index.commands.values()
        if namespace in ("", own.name.partition(":")[0])
    }
