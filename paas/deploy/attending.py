"""Attending: callers on one-off containers, which may go on without them.

On a terminal a container is conmon's, and goes on without its caller. Through pipes it is
ours, and ends with it.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from paas.console import Console
from paas.deploy import ends, fleet, oneoff, relay, terminals
from paas.deploy.feed import Feed, refuse_slow
from paas.deploy.oneoff import Order
from paas.deploy.relay import UNKNOWN
from paas.deploy.terminals import END_S, Held
from paas.engines.base import KEPT_BYTES, Session, Stream, Streams, Wire
from paas.model.app import App
from paas.model.container import Container, ContainerSpec, ExitStatus
from paas.platform import Platform

OVER = 124  # as timeout(1) has it


def run(platform: Platform, app: App, order: Order, console: Console) -> int:
    """Run a command in a new container of the release that serves; its exit code."""
    if order.terminal is None:
        return through_pipes(platform, app, order, console)
    with oneoff.seat(platform, app, order) as spec:
        container, wire = platform.engine.attend(kept_apart(platform, spec))
    return terminals.stay(held(platform, container), wire, console)


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
        return told(container.spec, status or UNKNOWN, console)
    return terminals.come_back(held(platform, container), wire, console)


def held(platform: Platform, container: Container) -> Held:
    """Its terminal, for those who are on it."""

    def over(console: Console) -> int | None:
        status = platform.engine.wait(container.id, END_S)
        return None if status is None else told(container.spec, status, console)

    spec, shown = container.spec, shown_in(platform, container.id)
    free = partial(platform.engine.remove, container.id)
    return Held(container.id, spec.app, spec.hostname, shown, over, free)


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
            status = relay.through_pipes(start, console)
        finally:
            oneoff.no_longer(spec.id)
    console.check_cancelled()
    return told(spec, status, console)


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
        refuse_slow(feed, container.spec.app, container.spec.hostname)
        return None if console.cancelled.is_set() else settled(platform, container)


def settled(platform: Platform, container: Container) -> ExitStatus:
    """How a container that says no more ended; it is removed."""
    status = platform.engine.wait(container.id, END_S)
    platform.engine.remove(container.id)
    return status or UNKNOWN


def told(spec: ContainerSpec, status: ExitStatus, console: Console) -> int:
    """The exit code; when it was us or a limit that ended it, why."""
    why = oneoff.reason(spec.id)
    if why:
        console.warn(f"{spec.hostname} was {why}")
    elif status.out_of_memory or status.out_of_disk:
        limit = "memory" if status.out_of_memory else "disk"
        console.warn(f"{spec.hostname} was {ends.words_of(status, spec.limits.memory_bytes)}")
        console.warn(f"if it is to have more: paas resource:limit --{limit} SIZE {spec.app}")
    return OVER if why == oneoff.time_is_over(spec) else status.code
