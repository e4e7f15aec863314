"""The page of every command, made from the registry: docs/commands.md is what it says."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from paas.commands.registry import Command
from paas.console import Console

HEAD = """\
# Commands

Every command works the same over SSH (`ssh -p 2222 paas@host COMMAND`), locally as root
(`paas COMMAND`) and under dokku's name (`dokku COMMAND`). `--help` after a command explains it.

Before a command, or after it: `--quiet` leaves headings out, `--force` answers questions,
`--app NAME` names the app, `--trace` shows an administrator the traceback of a bug.
Exit codes: 0 done, 1 failed, 2 wrong words, 20 no such app, 77 not allowed, 130 cancelled;
`run` and `enter` exit as the command they ran.

This page is made from the command table; do not edit it. To renew it:
`paas help --all --format markdown > docs/commands.md`, or without a daemon
`python -m paas.commands.document > docs/commands.md`.
"""


def page(commands: Sequence[Command], namespaces: Mapping[str, str]) -> str:
    """The whole page; namespaces: what each is for, in words."""
    parts = [HEAD]
    for namespace, some in groupby(commands, key=lambda one: one.namespace):
        parts.append(f"## {namespace}\n\n{namespaces.get(namespace, '')}.\n")
        parts += [entry(one) for one in some]
    return "\n".join(parts)


def entry(one: Command) -> str:
    """One command: usage, what it does, its options."""
    options = [f"- `{', '.join(option.opts)}`: {option.help}" for option in one.options]
    listing = "\n" + "\n".join(options) + "\n" if options else ""
    return f"### {one.name}\n\n    {one.usage()}\n\n{one.help}\n{listing}"


if __name__ == "__main__":
    from paas.commands import table  # noqa: F401 - fills the registry
    from paas.commands.basics import NAMESPACES, listed

    Console(0, 1, 2).write(page(listed(), NAMESPACES).encode())
