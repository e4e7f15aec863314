"""Relay: a caller's streams or terminal on one side, a container's on the other.

The container never gets the caller's own descriptors: pipes or a pty of its own
lie between, so what it writes arrives as bytes and nothing else.
"""

import os
import threading
from collections.abc import Callable

from paas.console import Console
from paas.engines.base import Session, Streams
from paas.model.container import ExitStatus
from paas.polling import readable

CHUNK = 65536
UNKNOWN = ExitStatus(1)
Start = Callable[[Streams], Session]


def through_terminal(start: Start, console: Console) -> ExitStatus:
    """Run a session on the caller's terminal; how it ended. The caller hanging up kills it."""
    session = start(Streams(terminal=console.size()))
    done, finished = os.pipe2(os.O_CLOEXEC)
    try:
        console.on_cancel(session.kill)
        console.on_resize(session.resize)
        with console.raw():
            pump = threading.Thread(target=keys, args=(console, session, done), daemon=True)
            pump.start()
            screen(console, session)
            status = session.wait()
            os.write(finished, b".")
            pump.join(timeout=1)
        return status or UNKNOWN
    finally:
        session.close()
        os.close(finished)
        os.close(done)


def keys(console: Console, session: Session, done: int) -> None:
    """What the caller types, to the session, until the session is over or the caller gone."""
    terminal = session.terminal
    assert terminal is not None  # noqa: S101 - a session on a terminal has one
    while True:
        ready = readable((console.stdin, done))
        if done in ready:
            return
        data = console.read()
        if not data:
            session.kill()
            return
        try:
            os.write(terminal, data)
        except OSError:
            return


def screen(console: Console, session: Session) -> None:
    """What the session shows, to the caller, until its end."""
    assert session.terminal is not None  # noqa: S101 - a session on a terminal has one
    while True:
        try:
            data = os.read(session.terminal, CHUNK)
        except OSError:  # EIO: the last process closed its end
            return
        if not data:
            return
        console.write(data)


def through_pipes(start: Start, console: Console) -> ExitStatus:
    """Run a session on three pipes; how it ended. The caller hanging up kills it."""
    stdin, feed = os.pipe2(os.O_CLOEXEC)
    out, stdout = os.pipe2(os.O_CLOEXEC)
    err, stderr = os.pipe2(os.O_CLOEXEC)
    try:
        session = start(Streams(stdin, stdout, stderr))
    except BaseException:
        for one in (feed, out, err):
            os.close(one)
        raise
    finally:
        for one in (stdin, stdout, stderr):
            os.close(one)
    threading.Thread(target=copy_input, args=(console, feed), daemon=True).start()
    readers = [
        threading.Thread(target=copy_output, args=(out, console.write), daemon=True),
        threading.Thread(target=copy_output, args=(err, console.write_error), daemon=True),
    ]
    for reader in readers:
        reader.start()
    return finished_session(session, readers, console)


def finished_session(
    session: Session, readers: list[threading.Thread], console: Console
) -> ExitStatus:
    try:
        console.on_cancel(session.kill)
        status = session.wait()
    finally:
        session.close()
    for reader in readers:
        reader.join(timeout=10)
    return status or UNKNOWN


def copy_input(console: Console, feed: int) -> None:
    """Standard input to the container until its end; the pipe's other end may close first."""
    with os.fdopen(feed, "wb", buffering=0) as pipe:
        while data := console.read():
            try:
                pipe.write(data)
            except OSError:
                return


def copy_output(reader: int, write: Callable[[bytes], None]) -> None:
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while data := pipe.read(CHUNK):
            write(data)
