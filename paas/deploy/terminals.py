"""Terminals that conmon holds, and callers on them, who may leave, be lost, and come back.

What has one, a one-off container or a session in another, goes on without them, also while
the daemon is started anew.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from paas.console import Console
from paas.deploy import fleet
from paas.deploy.feed import Feed, refuse_slow
from paas.deploy.presence import Presence
from paas.engines.base import Wire
from paas.errors import Cancelled, PaasError
from paas.logs.line import parse
from paas.polling import readable

END_S = 30.0  # from the last word to the end
END_OF_INPUT = b"\x04"  # as a terminal has it
LEAVE = b"\x10\x11"  # Ctrl-P Ctrl-Q, as in docker

attended: Presence[str] = Presence()  # terminals that somebody is on, by their keys


@dataclass(frozen=True, slots=True)
class Held:
    """A terminal: what it is known by, and the file of what it showed.

    key: as no other is called. over: the exit code of what has it, once it says no more, why being
    told; None when it goes on. free: called when it is over and the last one has heard of it.
    """

    key: str
    app: str
    name: str
    shown: Path
    over: Callable[[Console], int | None]
    free: Callable[[], object]


def is_attended(key: str) -> bool:
    """Whether somebody is on a terminal."""
    return key in attended


def come_back(held: Held, wire: Wire, console: Console) -> int:
    """Be on it again: what it showed last, and then what it shows now."""
    if not console.is_terminal:
        wire.close()
        raise PaasError(f"{held.name} has a terminal, and you have none", "ssh -t")
    wire.resize(*console.size())
    return stay(held, wire, console, last_shown(held.shown))


def stay(held: Held, wire: Wire, console: Console, shown: bytes = b"") -> int:
    """The caller's terminal is this one; the exit code, 0 when the caller chose to leave."""
    with fleet.in_hand(held.key):
        with attended.of(held.key) as place:
            with visiting(wire, console) as visit:
                feed = show(console, wire, shown)
                refuse_slow(feed, held.app, held.name)
            gone = visit.chose_to_leave or console.cancelled.is_set()
            code = None if gone else held.over(console)
        if code is not None:
            if place.was_last:
                held.free()
            return code
    return left(held, console, chosen=visit.chose_to_leave)


def left(held: Held, console: Console, *, chosen: bool) -> int:
    words = f"{held.name} goes on: paas run:attach {held.app} {held.name}"
    if not chosen:
        raise Cancelled(words)
    console.write(b"\r\n")
    console.warn(words)
    return 0


# -- both ends joined ------------------------------------------------------------------


@dataclass(slots=True)
class Visit:
    """A caller on a container's terminal, until one of them goes."""

    wire: Wire
    console: Console
    done: int
    chose_to_leave: bool = False
    half: bytes = b""
    at_line_start: bool = True  # the first end of input ends a line that is begun

    def leave(self) -> None:
        self.wire.close()

    def keys(self) -> None:
        """What the caller types, to the container, until one of them is gone."""
        while True:
            ready = readable((self.console.stdin, self.done))
            if self.done in ready:
                return
            data = self.console.read()
            if not data and not self.console.is_terminal:
                self._pass_on(END_OF_INPUT * (1 if self.at_line_start else 2))
                return
            if not data or self._leaves(data):
                self.leave()
                return

    def _leaves(self, data: bytes) -> bool:
        """Pass keys on; whether they were those that leave. Ctrl-P waits for what follows."""
        typed = self.half + data
        before, chord, _ = typed.partition(LEAVE)
        self.half = LEAVE[:1] if not chord and typed.endswith(LEAVE[:1]) else b""
        self._pass_on(before.removesuffix(self.half) if self.half else before)
        self.chose_to_leave = bool(chord)
        return self.chose_to_leave

    def _pass_on(self, data: bytes) -> None:
        if data:
            self.at_line_start = data.endswith((b"\n", b"\r"))
        with suppress(OSError):
            self.wire.send(data)


@contextmanager
def visiting(wire: Wire, console: Console) -> Iterator[Visit]:
    """Both ends joined: a raw terminal, its size, and a way to end whoever reads keys."""
    done, finished = os.pipe2(os.O_CLOEXEC)
    visit = Visit(wire, console, done)
    keys = threading.Thread(target=visit.keys, daemon=True)
    try:
        console.on_cancel(visit.leave)
        console.on_resize(wire.resize)
        with console.raw() if console.is_terminal else nullcontext():
            keys.start()
            yield visit
    finally:
        wire.close()
        os.close(finished)  # its other end is ready to be read by that
        if keys.ident is not None:
            keys.join()
        os.close(done)


def show(console: Console, wire: Wire, shown: bytes) -> Feed:
    """What the container shows, to the caller, after what it showed before."""
    console.write(shown)
    feed, first = Feed(wire), True
    for _, data in feed:
        console.write(data[overlap(shown, data) :] if first and shown else data)
        first = False
    return feed


def overlap(shown: bytes, data: bytes) -> int:
    """How much of the first new bytes is the end of what was read from the file already."""
    for length in range(min(len(shown), len(data)), 0, -1):
        if shown.endswith(data[:length]):
            return length
    return 0


def last_shown(file: Path) -> bytes:
    """What conmon kept of a terminal, put together again (its lines end as they did)."""
    try:
        raw = file.read_bytes()
    except OSError:
        return b""
    entries = [entry for line in raw.split(b"\n") if (entry := parse(line))]
    return b"".join(one.content + (b"\n" if one.whole else b"") for one in entries)
