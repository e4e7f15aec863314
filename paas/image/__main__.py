"""`python3 -m paas.image ensure-stack`: makes what is missing of the stack, before all else.

Standard library only, so that it needs no installed package and runs while they are installed.
"""

import sys

from paas.command import Runner
from paas.console import Console
from paas.errors import PaasError
from paas.image.stack import Stack
from paas.settings import load


def main() -> int:
    """Make the stack of this instance, telling how far it is."""
    console = Console(0, 1, 2)
    if sys.argv[1:] != ["ensure-stack"]:
        console.warn("usage: python3 -m paas.image ensure-stack")
        return 2
    try:
        stack = Stack(load(), Runner())
        if stack.ready():
            console.line("the stack is there already")
        else:
            stack.ensure(console.line)
    except PaasError as error:
        console.warn(error.message)
        if error.hint:
            console.warn(error.hint)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
