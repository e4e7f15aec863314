"""Starting the tools of a build: their output streamed and, in part, remembered."""

import os

from lifecycle import say
from lifecycle.say import Failure

TAIL_BYTES = 1 << 16
LINE_BYTES = 1 << 16  # longer ones go on in pieces
DRAIN_S = 3.0  # how long what a pack left running may still hold its output


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
    errors: bool = True,
    alone: bool = False,
    keep: int = TAIL_BYTES,
) -> Completed:
    """Run a tool to its end, each line passed on as it comes, standard error included.

    quiet: nothing is passed on; what it said is in the result. errors: False has its
    standard error passed on and only its output in the result. alone: what it leaves
    running is ended. keep: how much of the output the result has, its end.
    """
    import subprocess  # noqa: PLC0415 - 8 ms that most re-pushes never need

    leftovers = Leftovers() if alone else None
    tail: list[bytes] = []
    size = 0
    try:
        child = subprocess.Popen(
            argv,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors else None,
        )
    except OSError as error:
        raise Failure(f"{argv[0]} could not be started: {error.strerror}") from error
    if leftovers is not None:
        leftovers.wait_for(child)
    assert child.stdout is not None
    for text in iter(lambda: child.stdout.readline(LINE_BYTES), b""):
        if not quiet:
            say.write((b"       " if indent and text.strip() else b"") + text)
        tail.append(text)
        size += len(text)
        while size > keep and len(tail) > 1:
            size -= len(tail.pop(0))
    status = child.wait()
    if leftovers is not None:
        leftovers.end()
    return Completed(argv, status, b"".join(tail).decode(errors="replace"))


def capture(
    argv: list[str], environment: dict[str, str], cwd: str, *, alone: bool = False
) -> tuple[int, str]:
    """Status and standard output of a short command; its standard error is passed on."""
    done = run(argv, environment, cwd, quiet=True, errors=False, alone=alone, keep=1 << 20)
    return done.status, done.output


def executable(path: str) -> list[str]:
    """The argv of a script, its executable bit lost or not."""
    if os.access(path, os.X_OK):
        return [path]
    with open(path, "rb") as file:
        first = file.readline(LINE_BYTES).decode(errors="replace")
    return [*(first[2:].split() if first.startswith("#!") else ["/bin/bash"]), path]


# -- what tools leave running ------------------------------------------------------------


class Leftovers:
    """Processes that a tool leaves behind: found, whatever they did to hide, and killed.

    We become the parent of orphans below us (prctl(2), PR_SET_CHILD_SUBREAPER); who was
    our child before the tool started is none of them.
    """

    def __init__(self) -> None:
        import ctypes  # noqa: PLC0415 - only other people's packs need it

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
        self.before = children()

    def wait_for(self, child) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a Popen
        """Once the tool has ended, give its output a moment, then let nobody hold it open."""
        import threading  # noqa: PLC0415 - as above

        self.pid, self.drained = child.pid, threading.Event()
        self.thread = threading.Thread(target=self._watch, args=(child,), daemon=True)
        self.thread.start()

    def _watch(self, child) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        child.wait()
        if not self.drained.wait(DRAIN_S):
            self._kill()

    def end(self) -> None:
        """The tool has ended and so has its output."""
        self.drained.set()
        self.thread.join()
        self._kill()

    def _kill(self) -> None:
        while found := children() - self.before - {self.pid}:
            for pid in found:
                try:
                    os.kill(pid, 9)
                    os.waitpid(pid, 0)
                except (ProcessLookupError, ChildProcessError):
                    pass


def children() -> set[int]:
    """Our children, orphans that became ours included."""
    found: set[int] = set()
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/children") as file:
                found.update(map(int, file.read().split()))
        except FileNotFoundError:
            continue
    return found
