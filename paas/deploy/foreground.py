"""Containers somebody waits for: output relayed line by line, ended with the caller."""

import os
import threading

from paas.console import Console, plain
from paas.engines.base import Session, Streams
from paas.errors import PaasError
from paas.model.container import ContainerSpec, ExitStatus
from paas.platform import Platform


def attached(
    platform: Platform, spec: ContainerSpec, console: Console, *, timeout_s: float
) -> ExitStatus:
    """Run a container without input to its end, its output shown as detail lines."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    relay = threading.Thread(target=show_lines, args=(reader, console), daemon=True)
    relay.start()
    try:
        session = platform.engine.spawn(spec, Streams(None, writer, writer))
    finally:
        os.close(writer)
    try:
        return finished(session, console, timeout_s, spec.process)
    finally:
        session.close()
        relay.join(timeout=5)


def finished(session: Session, console: Console, timeout_s: float, name: str) -> ExitStatus:
    """Wait for the end; PaasError when the time is over, Cancelled when the caller left."""
    console.on_cancel(session.kill)
    status = session.wait(timeout_s)
    if status is None:
        session.kill()
        raise PaasError(f"the {name} task did not finish within {timeout_s:.0f} s and was stopped")
    console.check_cancelled()
    return status


def show_lines(reader: int, console: Console) -> None:
    """Relay a pipe as indented, terminal-safe lines until its end."""
    with os.fdopen(reader, "rb") as stream:
        while line := stream.readline(16384):
            console.detail(plain(line.decode(errors="replace").rstrip()))
