"""The command git's pre-receive hook calls; nobody else can."""

from paas.commands.context import Context
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import receive

INPUT_BYTES = 1 << 20
SOURCE = "git-hook"  # what builds came by, in dokku's words


@command("hook:pre-receive", Permission.HOOK, hidden=True)
def pre_receive(context: Context) -> int:
    """Judge a push and deploy what deploys; reads githooks(5)' lines from standard input."""
    console = context.console
    console.command = SOURCE
    lines = console.read_all(INPUT_BYTES).decode(errors="replace").splitlines()
    return receive.pre_receive(context.platform, lines, console.environment, console)
