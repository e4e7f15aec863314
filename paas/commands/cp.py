"""cp: files between a container and its caller."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import click

from paas.commands.archives import STREAM, path_of
from paas.commands.context import Context
from paas.commands.parameters import CONTAINER_NAMED, TEXT
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import copying, entering
from paas.deploy.copying import Place
from paas.errors import UsageError
from paas.model.names import app_name

FORMS = "paas cp APP:[CONTAINER:]PATH FILE|-, or the other way round"


@command("cp", Permission.SECRETS)
@click.argument("source", type=TEXT)
@click.argument("target", type=TEXT)
def cp(context: Context, source: str, target: str) -> int | None:
    """Copy a file or directory from a container, or to one.

    SOURCE or TARGET is APP:PATH or APP:CONTAINER:PATH (web.1, a type or an id; web by
    default); the other is a path of this server, for its own root, or -: a tar on standard
    output, or from standard input into a directory. What comes belongs to the user that
    runs in the container.
    """
    ends = [place(context, text) for text in (source, target)]
    known = [end for end in ends if end is not None]
    if len(known) != 1:
        raise UsageError("one of the two must be in a container, the other not", f"usage: {FORMS}")
    there, out = known[0], ends[0] is not None
    here = target if out else source
    if here == STREAM:
        return streamed(context, there, out=out)
    path = path_of(context, here)
    if out:
        copying.take(context.platform, there, path, context.console)
    else:
        copying.bring(context.platform, path, there, context.console)
        told(context, there)
    context.console.step(f"Copied {source} to {target}")
    return None


def streamed(context: Context, there: Place, *, out: bool) -> int:
    if out:
        if context.console.is_output_terminal:
            raise UsageError("a tar is not for terminals", "send it on: ... > FILE, ... | tar x")
        return copying.stream_out(context.platform, there, context.console)
    code = copying.stream_in(context.platform, there, context.console)
    if code == 0:
        told(context, there)
    return code


def told(context: Context, there: Place) -> None:
    spec = there.container.spec
    context.platform.record(
        spec.app, context.caller.name, "run", f"Copy into {spec.hostname} at {there.path}"
    )


def place(context: Context, text: str) -> Place | None:
    """A path in a container; None for what is none (a path of this server with a colon: ./a:b)."""
    name, *rest = text.split(":", 2)
    if not rest or "/" in name:
        return None
    app = context.platform.store.apps.get(app_name(name))
    wanted, path = split(rest)
    if not path:
        raise UsageError(f"{text[:80]!r} names no path", f"usage: {FORMS}")
    container = entering.find(context.platform, app, CONTAINER_NAMED.rule(wanted))
    return Place(container, PurePosixPath(path))


def split(rest: Sequence[str]) -> tuple[str, str]:
    """Container and path of what follows the app's name."""
    if len(rest) == 1 or rest[0].startswith("/"):
        return "web", ":".join(rest)
    return rest[0], rest[1]
