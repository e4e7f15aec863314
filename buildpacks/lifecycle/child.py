"""Starting the tools of a build: their output streamed and, in part, remembered."""

import os

from lifecycle import say
from lifecycle.say import Failure

TAIL_BYTES = 1 << 16


class Completed:
    """Exit status of a tool and the last of what it said."""

    def __init__(self, argv: list[str], status: int, output: str) -> None:
        self.argv = argv
        self.status = status
        self.output = output


def run(
    argv: list[str],
    environment: dict[str, str],
    cwd: str,
    *,
    indent: bool = True,
    quiet: bool = False,
) -> Completed:
    """Run a tool to its end, each line passed on as it comes, standard error included.

    quiet: nothing is passed on; what it said is in the result.
    """
    import subprocess  # noqa: PLC0415 - 8 ms that most re-pushes never need

    tail: list[bytes] = []
    size = 0
    try:
        child = subprocess.Popen(
            argv,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise Failure(f"{argv[0]} could not be started: {error.strerror}") from error
    for text in child.stdout or ():
        if not quiet:
            say.write((b"       " if indent and text.strip() else b"") + text)
        tail.append(text)
        size += len(text)
        while size > TAIL_BYTES and len(tail) > 1:
            size -= len(tail.pop(0))
    output = b"".join(tail).decode(errors="replace")
    return Completed(argv, child.wait(), output)


def capture(argv: list[str], environment: dict[str, str], cwd: str) -> tuple[int, str]:
    """Status and standard output of a short command; its standard error is passed on."""
    import subprocess  # noqa: PLC0415 - as above

    done = subprocess.run(
        argv,
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    return done.returncode, done.stdout.decode(errors="replace")


def executable(path: str) -> list[str]:
    """The argv of a script, its executable bit lost or not."""
    if os.access(path, os.X_OK):
        return [path]
    with open(path, "rb") as file:
        first = file.readline().decode(errors="replace")
    return [*(first[2:].split() if first.startswith("#!") else ["/bin/bash"]), path]
