"""shell: a session of commands over one connection."""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from paas.commands import lines
from paas.commands.context import Context
from paas.commands.permissions import Permission, allowed
from paas.commands.registry import command, registry
from paas.console import Console
from paas.errors import PermissionDenied, UsageError
from paas.model.caller import Caller

PROMPT = "paas> "
LEAVING = ("quit", "exit", "logout")
OURSELVES = ("dokku", "paas")


@command("shell", Permission.PUBLIC)
def shell(context: Context) -> int:
    """Type command after command: `apps:list`, then `logs blog`, ...; `quit` or Ctrl-D ends it.

    On a terminal lines are edited, remembered until the end, and completed by the tab key;
    Ctrl-C ends a command, not the shell. Else commands are read from standard input, a line
    each, and the exit code is the last one's.
    """
    if context.console.environment.get("PAAS_SHELL"):
        raise UsageError("this is a shell already", "leave it with quit")
    if not context.console.is_terminal:
        return read_lines(context)
    context.console.step("Type help for the commands, quit to leave")
    status = 0
    with typed(context) as every:
        for line in every:
            status = one(context, line)
    return status


@contextmanager
def typed(context: Context) -> Iterator[Iterator[str]]:
    """Lines as they are typed, until one says to leave, or the caller leaves."""
    gone, leave = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    console = context.console

    def left() -> None:
        with suppress(OSError):
            os.write(leave, b".")

    def until_leaving() -> Iterator[str]:
        editor = lines.Editor(console, PROMPT, lambda before: completed(context, before))
        keys = lines.keys(console, gone)
        while True:
            with console.raw():
                line = editor.line(keys)
            if line is None or line.strip() in LEAVING:
                return
            if line.strip():
                yield line
            if console.dismissed:
                return
            with suppress(BlockingIOError):
                os.read(gone, 4096)  # what interrupted the command is over with it

    console.on_cancel(left)
    try:
        yield until_leaving()
    finally:
        os.close(leave)
        os.close(gone)


def read_lines(context: Context) -> int:
    """Commands of a file or another program."""
    status = 0
    while (line := next_line(context.console)) is not None:
        if line.strip() in LEAVING:
            break
        if line.strip() and not line.lstrip().startswith("#"):
            status = one(context, line)
        context.console.check_cancelled()
    return status


def next_line(console: Console) -> str | None:
    """One line of standard input, without taking more of it than that; None at its end."""
    data = b""
    while not data.endswith(b"\n") and len(data) < lines.LINE_LENGTH:
        if not (byte := console.read(1)):
            return data.decode(errors="replace") if data else None
        data += byte
    return data.decode(errors="replace")


def one(context: Context, line: str) -> int:
    """Run one command as if it had come alone; its exit code."""
    from paas.commands import table  # noqa: PLC0415 - the table has this module in it

    try:
        caller, words = known(context), split(line)
    except (UsageError, PermissionDenied) as error:
        return table.told(context.console, error)
    environment = {**context.console.environment, "PAAS_SHELL": "yes"}
    with context.console.within(environment) as console:
        return table.dispatch(context.platform, caller, words, console)


def split(line: str) -> list[str]:
    """Words as a shell would split them; nothing is expanded."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"the quotes do not match ({str(error).lower()})") from None
    return words[1:] if words[0] in OURSELVES and len(words) > 1 else words


def known(context: Context) -> Caller:
    """Who types, looked up anew: a removed key stops working at once."""
    caller = context.caller
    if not caller.fingerprint:
        return caller
    key = context.platform.store.keys.find(caller.fingerprint)
    if key is None:
        raise PermissionDenied("this key was removed", "connect again with another one")
    return Caller(key.name, caller.door, frozenset(key.roles), caller.fingerprint)


def completed(context: Context, before: str) -> Sequence[str]:
    """What the last word may become: a command, or after one the name of an app."""
    first, space, rest = before.partition(" ")
    if not space:
        visible = [one for one in registry.values() if not one.hidden]
        names = [one.name for one in visible if allowed(context.caller, one.permission)]
        return [name for name in (*names, *LEAVING) if name.startswith(first)]
    chosen = registry.get(first)
    takes_app = chosen and (chosen.takes_words or any(p.name == "app" for p in chosen.parameters))
    if not takes_app:
        return ()
    word = rest.rpartition(" ")[2]
    return [app.name for app in context.platform.store.apps.list() if app.name.startswith(word)]
