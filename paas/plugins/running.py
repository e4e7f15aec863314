"""Running: one executable of a plugin, as its own user, bounded in time, memory and output.

Touches: setpriv, so that the user can never become another (PR_SET_NO_NEW_PRIVS); a cell of
the engine's, so that nothing the executable leaves behind goes on.
"""

import logging
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from paas.command import Child, Runner, signal_name
from paas.console import Console, plain
from paas.engines.embedded.cells import Cell, cell
from paas.engines.embedded.cgroups import Cgroups
from paas.errors import PaasError
from paas.plugins.environment import Call, variables
from paas.plugins.index import Listener
from paas.plugins.places import Places

log = logging.getLogger(__name__)

UNPRIVILEGED = ("setpriv", "--no-new-privs", "--")
OUTPUT_BYTES = 1 << 20
PIECE = 65536


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. why: "" when it ended well; answer: what it wrote to standard output.

    last: the last line of standard error.
    """

    why: str
    seconds: float
    answer: bytes = b""
    status: int = 0
    last: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A program to run: with which environment, where, and as whom (None: root)."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    uid: int | None
    timeout_s: float
    given: bytes = b""


@dataclass(slots=True)
class Bounds:
    """What a run may take; stop says why it was ended before its time."""

    deadline: float
    left: int = OUTPUT_BYTES
    why: str = ""


@dataclass(frozen=True, slots=True)
class Runs:
    """Starts executables of plugins."""

    places: Places
    runner: Runner
    cgroups: Cgroups = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cgroups", Cgroups(self.places.settings.cgroup_name))

    def trigger(
        self,
        listener: Listener,
        arguments: tuple[str, ...],
        call: Call,
        console: Console | None = None,
        *,
        given: bytes = b"",
        answers: bool = False,
        as_root: bool = False,
    ) -> Outcome:
        """Run to its end, its words on the console as they come; never raises for its failure.

        answers: standard output is an answer, and not shown.
        """
        job = Job(
            (*(() if as_root else UNPRIVILEGED), str(listener.path), *arguments),
            variables(self.places, listener, call),
            self.places.data(listener.plugin),
            None if as_root else listener.uid,
            listener.timeout_s or self.places.settings.plugin_timeout_s,
            given,
        )
        try:
            make_data(self.places, listener)
        except OSError as error:
            return Outcome(f"cannot be started: {error.strerror}", 0.0, status=1)
        return self.done(job, console, answers=answers)

    def done(self, job: Job, console: Console | None = None, *, answers: bool = False) -> Outcome:
        """A job run to its end, bounded; never raises for its failure."""
        begun = time.monotonic()
        bounds = Bounds(begun + job.timeout_s)
        try:
            with self.started(job) as (child, pipes):
                answer, last = drained(child, pipes, bounds, console, answers=answers)
        except (PaasError, OSError) as error:
            return Outcome(f"cannot be started: {error}", time.monotonic() - begun, status=1)
        took = time.monotonic() - begun
        why = bounds.why.format(seconds=f"{job.timeout_s:g}") or ended(child.returncode)
        return Outcome(why, took, answer, child.returncode or (1 if why else 0), last)

    def command(
        self, listener: Listener, arguments: tuple[str, ...], call: Call, console: Console
    ) -> int:
        """Run on the caller's own streams until it ends, or the caller goes away; exit status."""
        argv = (*UNPRIVILEGED, str(listener.path), *arguments)
        make_data(self.places, listener)
        with self.bounds() as bounds:
            child = self.runner.spawn(
                argv,
                stdin=console.stdin,
                stdout=console.stdout,
                stderr=console.stderr,
                env=variables(self.places, listener, call),
                cwd=self.places.data(listener.plugin),
                user=listener.uid,
                prepare=bounds.enter,
            )
            console.on_cancel(lambda: kill(child))
            status = child.wait()
        console.check_cancelled()
        return status if status >= 0 else 128 - status

    @contextmanager
    def started(self, job: Job) -> Iterator[tuple[Child, tuple[int, int]]]:
        """The child and the ends of its two outputs; whatever it started ends with the block."""
        with ExitStack() as undo:
            bounds = undo.enter_context(self.bounds())
            stdin = undo.enter_context(in_memory(job.given))
            out, out_end = pipe(undo)
            err, err_end = pipe(undo)
            child = self.runner.spawn(
                job.argv,
                stdin=stdin,
                stdout=out_end,
                stderr=err_end,
                env=job.environment,
                cwd=job.directory,
                user=job.uid,
                prepare=bounds.enter,
            )
            undo.callback(child.wait)
            undo.callback(kill, child)
            out_end.close()
            err_end.close()
            yield child, (out.fileno(), err.fileno())

    def bounds(self) -> AbstractContextManager[Cell]:
        """A cell for one run."""
        return cell(self.cgroups, self.places.settings.plugin_memory_bytes)


def make_data(places: Places, listener: Listener) -> None:
    """The folder that is the plugin's own; a link in its place is not followed."""
    data = places.data(listener.plugin)
    for folder in (data, data / "home"):
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, listener.uid, listener.uid, follow_symlinks=False)
    if data.stat().st_mode & 0o777 != 0o700:
        data.chmod(0o700)


@contextmanager
def in_memory(data: bytes) -> Iterator[int]:
    """A descriptor that reads these bytes."""
    descriptor = os.memfd_create("given", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def pipe(undo: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """Both ends, closed at the end where they are not before."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    return (
        undo.enter_context(os.fdopen(reader, "rb", buffering=0)),
        undo.enter_context(os.fdopen(writer, "wb", buffering=0)),
    )


def kill(child: Child) -> None:
    """End the child and what is in its session still."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def ended(status: int) -> str:
    """Why it failed; "" when it did not."""
    if status == 0:
        return ""
    return f"failed with {status}" if status > 0 else f"was ended by {signal_name(-status)}"


# -- listening to it -----------------------------------------------------------------------


def drained(
    child: Child,
    pipes: tuple[int, int],
    bounds: Bounds,
    console: Console | None,
    *,
    answers: bool,
) -> tuple[bytes, str]:
    """Read both outputs until the child has ended, and end it where it goes too far.

    The answer, and the last line of standard error.
    """
    out = Lines(console.line if console else unheard)
    err = Lines((lambda text: console.write_error(f"{text}\n".encode())) if console else unheard)
    answer = bytearray()
    takers: dict[int, Callable[[bytes], None]] = {
        pipes[0]: answer.extend if answers else out.take,
        pipes[1]: err.take,
    }
    with ExitStack() as undo:
        over = os.pidfd_open(child.pid)
        undo.callback(os.close, over)
        chosen = undo.enter_context(selectors.DefaultSelector())
        for descriptor in (*pipes, over):
            chosen.register(descriptor, selectors.EVENT_READ)
        while not bounds.why:
            ready = [key.fd for key, _ in chosen.select(min(0.5, remaining(bounds)))]
            read = [take(fd, chosen, takers[fd], bounds) for fd in ready if fd != over]
            bounds.why = bounds.why or gone_too_far(bounds, console)
            if ready == [over] and not any(read):
                break
    if bounds.why:
        kill(child)
    child.wait()
    out.end()
    err.end()
    return bytes(answer), err.last


def take(
    descriptor: int,
    chosen: selectors.BaseSelector,
    taker: Callable[[bytes], None],
    bounds: Bounds,
) -> bool:
    """Read what is there; whether it was anything."""
    piece = os.read(descriptor, PIECE)
    if not piece:
        chosen.unregister(descriptor)
    bounds.left -= len(piece)
    taker(piece)
    return bool(piece)


def remaining(bounds: Bounds) -> float:
    return max(0.0, bounds.deadline - time.monotonic())


def gone_too_far(bounds: Bounds, console: Console | None) -> str:
    if bounds.left < 0:
        return f"wrote more than {OUTPUT_BYTES >> 20} MiB"
    if remaining(bounds) == 0:
        return "did not end within {seconds} s"
    if console is not None and console.cancelled.is_set():
        return "was ended, since the caller went away"
    return ""


def unheard(text: str) -> None:
    """Nobody listens: the daemon's log has the failure, and the plugin its own files."""
    log.debug("%s", text)


class Lines:
    """Pieces of output, told line by line without what drives a terminal."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begun = b""
        self.last = ""

    def take(self, piece: bytes) -> None:
        *whole, self._begun = (self._begun + piece).split(b"\n")
        for line in whole:
            self._line(line)

    def end(self) -> None:
        """Tell a last line that has no end."""
        if self._begun:
            self._line(self._begun)

    def _line(self, line: bytes) -> None:
        text = plain(line.decode(errors="replace"))
        self._say(text)
        self.last = text.strip() or self.last
