"""`python3 -m paas.image ensure-stack`: makes what is missing of the stack, before all else.

`pack FILES BASE TAR` writes a layer as a tar and prints its digest and size. Standard
library only: the first needs no installed package and runs while they are installed.
"""

import sys
from pathlib import Path

from paas.command import Runner
from paas.console import Console
from paas.errors import PaasError
from paas.image.pack import pack
from paas.image.stack import Stack
from paas.settings import load


def main() -> int:
    """Run one of the verbs; the exit status."""
    console = Console(0, 1, 2)
    words = sys.argv[1:]
    try:
        if words == ["ensure-stack"]:
            ensure_stack(console)
        elif words[:1] == ["pack"] and len(words) == 4:
            pack_layer(console, Path(words[1]), int(words[2]), Path(words[3]))
        else:
            console.warn("usage: python3 -m paas.image ensure-stack | pack FILES BASE TAR")
            return 2
    except PaasError as error:
        console.warn(error.message)
        if error.hint:
            console.warn(error.hint)
        return error.exit_code
    return 0


def ensure_stack(console: Console) -> None:
    """Make the stack of this instance, telling how far it is."""
    stack = Stack(load(), Runner())
    if stack.ready():
        console.line("the stack is there already")
    else:
        stack.ensure(console.line)


def pack_layer(console: Console, files: Path, uid_base: int, tar: Path) -> None:
    """Write a layer's files as a tar; its digest and size as JSON."""
    with tar.open("wb") as target:
        packed = pack(files, uid_base, target)
    console.json({"diff_id": packed.diff_id, "bytes": packed.bytes})


if __name__ == "__main__":
    sys.exit(main())
