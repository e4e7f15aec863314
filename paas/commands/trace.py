"""trace: whether the daemon's log tells every program it starts, and bugs their traceback."""

import logging

from paas.commands.context import Context
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.platform import Platform

ON = ("trace", "on")
OURS = logging.getLogger("paas")


@command("trace:on", Permission.ADMIN)
def turn_on(context: Context) -> None:
    """Log every program that is started, and show administrators the traceback of a bug."""
    switch(context, "yes", "Trace mode is on")


@command("trace:off", Permission.ADMIN)
def turn_off(context: Context) -> None:
    """Log no more than usual again."""
    switch(context, None, "Trace mode is off")


def switch(context: Context, value: str | None, words: str) -> None:
    context.platform.store.properties.set(None, *ON, value)
    apply(context.platform)
    context.record("setting", words)
    context.console.step(words)


def is_on(platform: Platform) -> bool:
    return platform.store.properties.get(None, *ON) is not None


def apply(platform: Platform) -> None:
    """Have the log as it was last switched."""
    OURS.setLevel(logging.DEBUG if is_on(platform) else logging.NOTSET)
