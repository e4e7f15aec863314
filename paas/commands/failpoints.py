"""The hook by which the fault tests arm failpoints in a running daemon that allows it."""

import click

from paas import failpoints
from paas.commands.context import Context
from paas.commands.permissions import Permission
from paas.commands.registry import command


@command("failpoints:arm", Permission.ADMIN, hidden=True)
@click.argument("text", required=False, default="")
def arm(context: Context, text: str) -> None:
    """Arm failpoints, such as route.publish=kill; without any, disarm all."""
    failpoints.arm(text)
    context.console.step(f"Armed {text or 'nothing'}")


@command("failpoints:passed", Permission.ADMIN, hidden=True)
def passed(context: Context) -> None:
    """Tell as JSON how often each failpoint was passed since the last arming."""
    context.console.json(failpoints.passed())
