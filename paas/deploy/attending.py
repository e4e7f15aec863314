"""Attending: callers on one-off containers, which may go on without them.

On a terminal a container is conmon's: the caller may leave, be lost, and come back, also
after a restart of the daemon. Through pipes it is ours, and ends with its caller.
"""

import os
import select
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from paas.console import Console
from paas.deploy import fleet, oneoff, relay
from paas.deploy.feed import Feed, refuse_slow
from paas.deploy.oneoff import Order
from paas.engines.base import Session, Stream, Streams, Wire
from paas.errors import Cancelled, PaasError
from paas.logs.line import parse
from paas.model.app import App
from paas.model.container import Container, ContainerSpec, ExitStatus
from paas.platform import Platform

END_S = 30.0  # from the last word to the end
OVER = 124  # as timeout(1) has it
KEPT_BYTES = 256 << 10  # of what a terminal showed
END_OF_INPUT = b"\x04"  # as a terminal has it
LEAVE = b"\x10\x11"  # Ctrl-P Ctrl-Q, as in docker

_attended: Counter[str] = Counter()


def is_attended(container_id: str) -> bool:
    """Whether somebody is on a container's terminal."""
    return _attended[container_id] > 0


def run(platform: Platform, app: App, order: Order, console: Console) -> int:
    """Run a command in a new container of the release that serves; its exit code."""
    if order.terminal is None:
        return through_pipes(platform, app, order, console)
    with oneoff.seat(platform, app, order) as spec:
        container, wire = platform.engine.attend(kept_apart(platform, spec))
    return on_terminal(platform, container, wire, console)


def kept_apart(platform: Platform, spec: ContainerSpec) -> ContainerSpec:
    """What a terminal shows is no part of the app's log: it goes with its container."""
    return replace(spec, log=shown_in(platform, spec.id), log_max_bytes=KEPT_BYTES)


def shown_in(platform: Platform, container_id: str) -> Path:
    return platform.settings.run_dir / "containers" / container_id / "terminal.log"


def attach(platform: Platform, container: Container, console: Console) -> int:
    """Come (back) to a one-off container: what it showed last, and then what it shows now."""
    wire = platform.engine.attach(container.id)
    if container.spec.terminal is None:
        status = listen(platform, container, wire, console)
        console.check_cancelled()
        return code_of(container, status, console)
    if not console.is_terminal:
        wire.close()
        raise PaasError(f"{container.spec.hostname} has a terminal, and you have none", "ssh -t")
    wire.resize(*console.size())
    shown = last_shown(shown_in(platform, container.id))
    return on_terminal(platform, container, wire, console, shown)


# -- through pipes ---------------------------------------------------------------------


def through_pipes(platform: Platform, app: App, order: Order, console: Console) -> int:
    """Bytes in and out as they are; nothing of them is logged."""
    with oneoff.seat(platform, app, order) as logged:
        spec = replace(logged, log=None)

        def start(streams: Streams) -> Session:
            session = platform.engine.spawn(spec, streams)
            oneoff.waited_for(spec, session)
            return session

        try:
            code = relay.through_pipes(start, console)
        finally:
            oneoff.no_longer(spec.id)
    console.check_cancelled()
    return told(spec, code, console)


# -- without input ---------------------------------------------------------------------


def listen(
    platform: Platform, container: Container, wire: Wire, console: Console
) -> ExitStatus | None:
    """Show what a container says to its end; None when the caller leaves, and it goes on."""
    console.on_cancel(wire.close)
    with fleet.in_hand(container.id):
        feed = Feed(wire)
        try:
            for stream, data in feed:
                (console.write if stream is Stream.OUT else console.write_error)(data)
        finally:
            wire.close()
        refuse_slow(feed, container)
        return None if console.cancelled.is_set() else settled(platform, container)


def settled(platform: Platform, container: Container) -> ExitStatus:
    """How a container that says no more ended; it is removed."""
    status = platform.engine.wait(container.id, END_S)
    platform.engine.remove(container.id)
    return status or ExitStatus(1)


def code_of(container: Container, status: ExitStatus | None, console: Console) -> int:
    return told(container.spec, status.code if status else 1, console)


def told(spec: ContainerSpec, code: int, console: Console) -> int:
    """The exit code; when it was us who ended it, why."""
    why = oneoff.reason(spec.id)
    if not why:
        return code
    console.warn(f"{spec.hostname} was {why}")
    return OVER if why == oneoff.time_is_over(spec) else code


# -- on a terminal ---------------------------------------------------------------------


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
            ready, _, _ = select.select([self.console.stdin, self.done], [], [])
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


def on_terminal(
    platform: Platform, container: Container, wire: Wire, console: Console, shown: bytes = b""
) -> int:
    """The caller's terminal is the container's; its exit code, 0 when the caller chose to leave."""
    with attended(container), visiting(wire, console) as visit:
        feed = show(console, wire, shown)
        refuse_slow(feed, container)
        over = not visit.chose_to_leave and not console.cancelled.is_set()
        status = settled(platform, container) if over and ended(platform, container) else None
    if status is not None:
        return code_of(container, status, console)
    return left(container, console, chosen=visit.chose_to_leave)


@contextmanager
def attended(container: Container) -> Iterator[None]:
    _attended[container.id] += 1
    try:
        with fleet.in_hand(container.id):
            yield
    finally:
        _attended[container.id] -= 1
        if not _attended[container.id]:
            del _attended[container.id]


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


def ended(platform: Platform, container: Container) -> bool:
    """Whether a container whose wire ended is over; the daemon's own end closes wires too."""
    return platform.engine.wait(container.id, END_S) is not None


def left(container: Container, console: Console, *, chosen: bool) -> int:
    spec = container.spec
    words = f"{spec.hostname} goes on: paas run:attach {spec.app} {spec.hostname}"
    if not chosen:
        raise Cancelled(words)
    console.write(b"\r\n")
    console.warn(words)
    return 0


def last_shown(file: Path) -> bytes:
    """What conmon kept of a terminal, put together again (its lines end as they did)."""
    try:
        raw = file.read_bytes()
    except OSError:
        return b""
    entries = [entry for line in raw.split(b"\n") if (entry := parse(line))]
    return b"".join(one.content + (b"\n" if one.whole else b"") for one in entries)
