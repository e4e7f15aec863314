"""One channel: a command, its streams or its terminal, and the relay between them and SSH.

Touches: pipes, ptys, threads. A command runs in a thread of its own and never sees SSH:
it gets descriptors. What it writes is relayed by a second thread; what the client sends
goes in through the inlet. The exit status follows the last byte of output.
"""

import contextlib
import fcntl
import logging
import os
import select
import struct
import termios
import threading
from collections.abc import Callable
from dataclasses import dataclass

from paramiko.channel import Channel
from paramiko.ssh_exception import SSHException

from paas.console import Console
from paas.doors.dispatch import Sessions
from paas.doors.ssh.inlet import Inlet

log = logging.getLogger(__name__)

CHUNK_BYTES = 64 << 10
DRAIN_MS = 500  # how long output may lag behind the command's end, held by a stray child
SIZE_MOST = 4096

Work = Callable[[Console], int]


@dataclass(slots=True)
class Streams:
    """The descriptors of one command: what it holds, and what we relay from and to."""

    console: Console
    theirs: tuple[int, ...]
    outputs: dict[int, Callable[[bytes], None]]
    input: int
    terminal: int | None = None


class Session:
    """One channel, from its opening to its close; at most one command."""

    def __init__(self, channel: Channel, sessions: Sessions) -> None:
        self._channel = channel
        self._sessions = sessions
        self._inlet = Inlet(channel)
        self._term = ""
        self._size: tuple[int, int] | None = None
        self._work: Work | None = None
        self._deploying = False
        self._streams: Streams | None = None
        self._lock = threading.Lock()  # the command's descriptors are closed under it
        self._gone = threading.Event()
        self._over = threading.Event()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    # -- requests, from the transport's thread -------------------------------------

    def request_terminal(self, term: str, rows: int, columns: int) -> bool:
        """The client wants a terminal of this size."""
        if self._work is not None:
            return False
        self._term = term
        self._size = bounded(rows, columns)
        return True

    def request(self, work: Work, *, deploying: bool) -> bool:
        """The client wants a command run; once a channel."""
        if self._work is not None:
            return False
        self._work = work
        self._deploying = deploying
        return True

    def resize(self, rows: int, columns: int) -> bool:
        """The client's terminal has a new size."""
        self._size = bounded(rows, columns)
        streams = self._streams
        if streams is None or streams.terminal is None:
            return False
        with self._lock, contextlib.suppress(OSError):
            if not self._over.is_set():
                set_size(streams.terminal, self._size)
                streams.console.resized()
        return True

    def answered(self) -> None:
        """A request was answered: now the command may start."""
        if self._work is None or self._streams is not None:
            return
        self._streams = self._open()
        self._inlet.attach(self._streams.input)
        threading.Thread(target=self._run, name="ssh-command", daemon=True).start()

    def received(self, data: bytes) -> None:
        """Input from the client."""
        self._inlet.feed(data)
        streams = self._streams
        if streams is not None and self._is_interrupt(streams, data):
            self._inlet.inject(END_OF_INPUT)  # whoever reads a line now gets an empty one
            self._aside(streams.console.cancel)

    def input_ended(self) -> None:
        """The client sends no more."""
        if self._size is not None:
            self._inlet.inject(END_OF_INPUT)
        else:
            self._inlet.end()

    def rekeyed(self) -> None:
        """Keys were exchanged: what could not be said meanwhile can be said now."""
        self._inlet.acknowledge(waiting=False)

    def closed(self) -> None:
        """The client closed the channel, or the connection is gone."""
        self._gone.set()
        streams = self._streams
        if streams is not None and not self._over.is_set():
            self._aside(streams.console.cancel)
        self._inlet.close()
        self._rouse()

    def _aside(self, action: Callable[[], None]) -> None:
        """Not in the transport's thread: listeners kill processes and may take their time."""
        threading.Thread(target=action, name="ssh-cancel", daemon=True).start()

    # -- the command ----------------------------------------------------------------

    def _open(self) -> Streams:
        if self._size is not None:
            return open_terminal(self._channel, self._term, self._size)
        return open_pipes(self._channel)

    def _run(self) -> None:
        streams, work = self._streams, self._work
        if streams is None or work is None:
            return
        relay = threading.Thread(target=self._relay, args=(streams,), name="ssh-relay", daemon=True)
        relay.start()
        with self._sessions.serving(streams.console, deploying=self._deploying):
            status = self._status(work, streams.console)
            self._close_theirs(streams)
            relay.join()
            self._finish(status)

    def _status(self, work: Work, console: Console) -> int:
        try:
            return work(console)
        except Exception:
            log.exception("ssh: a bug in a command")
            console.warn("something went wrong here; the daemon's log has the details")
            return 1

    def _close_theirs(self, streams: Streams) -> None:
        """The command's own ends: the relay sees the end of its output."""
        self._inlet.close()
        with self._lock:
            self._over.set()
            for descriptor in streams.theirs:
                os.close(descriptor)
        self._rouse()

    def _finish(self, status: int) -> None:
        if self._channel.closed:
            return  # a status for a closed channel makes OpenSSH hang up
        with contextlib.suppress(OSError, EOFError, SSHException):
            self._channel.send_exit_status(status & 0xFF)
            self._channel.close()

    # -- the relay ------------------------------------------------------------------

    def _relay(self, streams: Streams) -> None:
        outputs = dict(streams.outputs)
        waiter = select.poll()
        for descriptor in (*outputs, self._wake):
            waiter.register(descriptor, select.POLLIN)
        try:
            while outputs and not self._gone.is_set():
                over = self._over.is_set()
                ready = waiter.poll(DRAIN_MS if over else None)
                if over and not ready:
                    break
                for descriptor, _ in ready:
                    if descriptor == self._wake:
                        os.eventfd_read(self._wake)
                    elif not relay_some(descriptor, outputs[descriptor]):
                        waiter.unregister(descriptor)
                        del outputs[descriptor]
        except (OSError, EOFError, SSHException) as error:
            log.debug("ssh: the client is gone: %s", error)
        finally:
            self._end_relay(streams)

    def _end_relay(self, streams: Streams) -> None:
        """Closing our ends is how a command that still writes learns that nobody reads."""
        for descriptor in streams.outputs:
            os.close(descriptor)
        if self._gone.is_set() and not self._over.is_set():
            streams.console.cancel()

    def _rouse(self) -> None:
        os.eventfd_write(self._wake, 1)

    def __del__(self) -> None:
        os.close(self._wake)

    def _is_interrupt(self, streams: Streams, data: bytes) -> bool:
        """Whether this is Ctrl-C, typed while the terminal gives it a meaning."""
        with self._lock:
            if self._over.is_set() or streams.terminal is None:
                return False
            modes = termios.tcgetattr(streams.terminal)
        return bool(modes[3] & termios.ISIG) and modes[6][termios.VINTR] in data


END_OF_INPUT = b"\x04"


def open_pipes(channel: Channel) -> Streams:
    """Three pipes: input, output and errors apart, as programs want them."""
    stdin, input_ = os.pipe()
    output, stdout = os.pipe()
    errors, stderr = os.pipe()
    return Streams(
        console=Console(stdin, stdout, stderr),
        theirs=(stdin, stdout, stderr),
        outputs={output: channel.sendall, errors: channel.sendall_stderr},
        input=input_,
    )


def open_terminal(channel: Channel, term: str, size: tuple[int, int]) -> Streams:
    """A pty: the command has the slave, we relay the master."""
    master, slave = os.openpty()
    set_size(slave, size)
    return Streams(
        console=Console(slave, slave, slave, environment={"TERM": term}),
        theirs=(slave,),
        outputs={master: channel.sendall},
        input=os.dup(master),
        terminal=slave,
    )


def relay_some(descriptor: int, send: Callable[[bytes], None]) -> bool:
    """Pass on what is there; False at the end (EIO: the pty's other side is closed)."""
    try:
        data = os.read(descriptor, CHUNK_BYTES)
    except BlockingIOError:
        return True
    except OSError:
        return False
    if data:
        send(data)
    return bool(data)


def bounded(rows: int, columns: int) -> tuple[int, int]:
    """A size that programs survive; 24 x 80 where the client does not know."""
    return (min(rows, SIZE_MOST) or 24, min(columns, SIZE_MOST) or 80)


def set_size(terminal: int, size: tuple[int, int]) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
