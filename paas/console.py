"""Where a command reads and writes: the caller's three streams, terminal or not.

Touches: file descriptors handed in by a door. Every line a person sees goes
through here, in the form dokku's users know: `-----> ` and `=====> ` headings,
seven spaces for detail, ` !     ` for warnings on standard error. What is made into
such lines may come from an app or a pusher: nothing in it drives the reader's terminal.
"""

import fcntl
import json
import os
import re
import struct
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from paas.errors import Cancelled

# escape sequences and control characters that could drive somebody's terminal
UNSAFE = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b.|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


def plain(text: str) -> str:
    """Text from an app or a build without the characters that drive a terminal."""
    return UNSAFE.sub("", text)


def aligned(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a table, each column as wide as its widest cell."""
    cells = [list(header), *([plain(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


class Console:
    """Three file descriptors and how to speak on them; owned by the door that made it.

    environment holds the few variables a door lets through (git's own, for its hooks).
    """

    def __init__(
        self,
        stdin: int,
        stdout: int,
        stderr: int,
        *,
        quiet: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.quiet = quiet
        self.environment = dict(environment or {})
        self.command = ""  # what the caller asked for, such as ps:restart
        self.cancelled = threading.Event()
        self._why = "cancelled by the caller"
        self.dismissed = False
        self._listeners: list[Callable[[], None]] = []
        self._overhearing: list[Callable[[bytes], None]] = []
        self._resize_listeners: list[Callable[[int, int], None]] = []
        self._lock = threading.Lock()

    # -- the caller going away -------------------------------------------------

    def cancel(self, why: str = "") -> None:
        """Called by the door when the caller hung up or pressed Ctrl-C; why: somebody else's word.

        What is cancelled already stays so for the reason it was.
        """
        if why and not self.cancelled.is_set():
            self._why = why
        self.cancelled.set()
        for listener in list(self._listeners):
            listener()

    def dismiss(self) -> None:
        """Called when the daemon ends: this caller is to go, whatever it is at."""
        self.dismissed = True
        self.cancel()

    def on_cancel(self, listener: Callable[[], None]) -> None:
        """Have listener called (once, from another thread) when the caller goes away."""
        self._listeners.append(listener)
        if self.cancelled.is_set():
            listener()

    def check_cancelled(self) -> None:
        """Raise Cancelled when the caller has gone away."""
        if self.cancelled.is_set():
            raise Cancelled(self._why)

    def aside(self) -> "Console":
        """A console that says everything on standard error, so that a result stays alone."""
        other = Console(
            self.stdin, self.stderr, self.stderr, quiet=self.quiet, environment=self.environment
        )
        other.command, other._overhearing = self.command, self._overhearing
        self.on_cancel(other.cancel)
        return other

    @contextmanager
    def within(self, environment: Mapping[str, str]) -> "Iterator[Console]":
        """A console for one command of several: what interrupts it does not end this one.

        A caller that has gone is found out by the next word.
        """
        inner = Console(
            self.stdin, self.stdout, self.stderr, quiet=self.quiet, environment=environment
        )

        def resized(_rows: int, _columns: int) -> None:
            inner.resized()

        self._listeners.append(inner.cancel)
        self._resize_listeners.append(resized)
        if self.cancelled.is_set():  # just before
            inner.cancel()
        try:
            yield inner
        finally:
            self._listeners.remove(inner.cancel)
            self._resize_listeners.remove(resized)
            self.cancelled.clear()

    # -- being overheard -------------------------------------------------------

    @contextmanager
    def overheard(self, listener: Callable[[bytes], None]) -> Iterator[None]:
        """Have a listener told what is said in the block, also what a quiet caller is spared."""
        self._overhearing.append(listener)
        try:
            yield
        finally:
            self._overhearing.remove(listener)

    # -- speaking ----------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Bytes to standard output, as they are; a vanished reader cancels."""
        self._write(self.stdout, data)

    def write_error(self, data: bytes) -> None:
        """Bytes to standard error, as they are."""
        self._write(self.stderr, data)

    def line(self, text: str = "") -> None:
        """One line of result."""
        self.write(text.encode(errors="replace") + b"\n")

    def step(self, text: str) -> None:
        """`-----> text`: a step begins."""
        self._aloud(f"-----> {plain(text)}")

    def heading(self, text: str) -> None:
        """`=====> text`: the result of a whole."""
        self._aloud(f"=====> {plain(text)}")

    def detail(self, text: str) -> None:
        """Indented under the step."""
        for part in text.splitlines() or [""]:
            self._aloud(f"       {plain(part)}")

    def item(self, text: str) -> None:
        """Indented likewise, but what was asked for: a quiet caller gets it too."""
        for part in text.splitlines() or [""]:
            self.line(f"       {plain(part)}")

    def warn(self, text: str) -> None:
        """` !     text` on standard error."""
        for part in text.splitlines() or [""]:
            self.write_error(f" !     {plain(part)}\n".encode(errors="replace"))

    def json(self, value: Any) -> None:
        """A value for programs, on one line."""
        self.line(json.dumps(value, default=str))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Columns for people, each as wide as its widest cell."""
        for line in aligned(header, rows):
            self.line(line)

    def _aloud(self, text: str) -> None:
        """A line that a quiet caller is spared."""
        if not self.quiet:
            self.line(text)
        else:
            self._told(text.encode(errors="replace") + b"\n")

    def _told(self, data: bytes) -> None:
        for listener in list(self._overhearing):
            listener(data)

    def _write(self, descriptor: int, data: bytes) -> None:
        self._told(data)
        view = memoryview(data)
        try:
            with self._lock:
                while view:
                    view = view[os.write(descriptor, view) :]
        except OSError:
            self.cancel()

    # -- listening ---------------------------------------------------------------

    def read(self, limit: int = 65536) -> bytes:
        """Up to limit bytes of standard input; b"" at its end."""
        try:
            return os.read(self.stdin, limit)
        except OSError:
            return b""

    def read_all(self, limit: int) -> bytes:
        """Standard input to its end, at most limit bytes (the rest is left unread)."""
        parts: list[bytes] = []
        size = 0
        while size < limit and (part := self.read(min(65536, limit - size))):
            parts.append(part)
            size += len(part)
        return b"".join(parts)

    def ask(self, question: str) -> str:
        """One line from the caller, without its line end; "" when there is none."""
        self.write_error(question.encode())
        return b"".join(self._until_line_end()).decode(errors="replace").strip()

    def _until_line_end(self) -> Iterator[bytes]:
        for _ in range(1000):
            byte = self.read(1)
            if byte in (b"", b"\n", b"\r"):
                return
            yield byte

    # -- terminals ---------------------------------------------------------------

    @property
    def is_terminal(self) -> bool:
        """Whether the caller's input and output are a terminal."""
        return os.isatty(self.stdin) and os.isatty(self.stdout)

    @property
    def is_output_terminal(self) -> bool:
        """Whether what is written is shown on a terminal."""
        return os.isatty(self.stdout)

    def size(self) -> tuple[int, int]:
        """Rows and columns of the caller's terminal; 24 x 80 when unknown."""
        try:
            packed = fcntl.ioctl(self.stdout, termios.TIOCGWINSZ, b"\0" * 8)
        except OSError:
            return 24, 80
        rows, columns, _, _ = struct.unpack("HHHH", packed)
        return rows or 24, columns or 80

    @contextmanager
    def raw(self) -> Iterator[None]:
        """The caller's terminal passes every key on, unechoed, and is restored at the end."""
        before = termios.tcgetattr(self.stdin)
        tty.setraw(self.stdin, termios.TCSADRAIN)  # what was typed already still counts
        try:
            yield
        finally:
            with suppress(OSError, termios.error):
                termios.tcsetattr(self.stdin, termios.TCSADRAIN, before)

    def on_resize(self, listener: Callable[[int, int], None]) -> None:
        """Have listener called with rows and columns, from another thread, on every resize."""
        self._resize_listeners.append(listener)

    def resized(self) -> None:
        """Called by the door when the caller's terminal has a new size."""
        rows, columns = self.size()
        for listener in list(self._resize_listeners):
            listener(rows, columns)


@contextmanager
def silent() -> Iterator[Console]:
    """A console for work that nobody watches: nothing to read, nowhere to write."""
    descriptor = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield Console(descriptor, descriptor, descriptor, quiet=True)
    finally:
        os.close(descriptor)
