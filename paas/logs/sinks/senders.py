"""Senders: one for each way lines go to a sink. send() returns once they are the receiver's.

Touches: sockets. Nothing is sent twice by a sender; who keeps the lines does that.
"""

import contextlib
import fcntl
import http.client
import io
import socket
import ssl
import struct
import termios
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from paas.logs.line import Line
from paas.logs.sinks import forms
from paas.model.sink import Sink

ANSWER_S = 20.0
ANSWER_BYTES = 64 << 10
CHATTER = 32  # reads, and bytes in each, of what nobody asked for
LOOK_S, LONGEST_LOOK_S = 0.001, 0.05
# what a receiver answers when it works and does not want these very lines
UNWANTED = frozenset({400, 413, 415, 422})

Dial = Callable[[], socket.socket]


class Unwanted(OSError):
    """The receiver is well, and does not take these lines."""


class Sender(Protocol):
    """Sends lines of one app, or raises OSError with words for the user."""

    def send(self, app: str, lines: Sequence[Line]) -> None: ...

    def close(self) -> None: ...


def sender(sink: Sink, dial: Dial, hostname: str, ca_bundle: str) -> Sender:
    """The one for a sink; it connects when it first has something to send."""
    if sink.over_http:
        return Requests(sink, dial, ca_bundle)
    if sink.scheme == "syslog+udp":
        return Datagrams(dial, hostname)
    return Stream(
        dial, hostname, encrypted(sink, ca_bundle) if sink.scheme == "syslog+tls" else None
    )


Wrap = Callable[[socket.socket], socket.socket]


def encrypted(sink: Sink, ca_bundle: str) -> Wrap:
    """Makes a connection one of TLS, with a certificate that the platform trusts for the host."""

    def wrap(plain: socket.socket) -> socket.socket:
        context = ssl.create_default_context(cafile=ca_bundle)
        return context.wrap_socket(plain, server_hostname=sink.host)

    return wrap


class Datagrams:
    """Syslog over UDP: a datagram a message; only that nobody listens may become known."""

    def __init__(self, dial: Dial, hostname: str) -> None:
        self._dial = dial
        self._hostname = hostname
        self._socket: socket.socket | None = None

    def send(self, app: str, lines: Sequence[Line]) -> None:
        self._socket = self._socket or self._dial()
        try:
            for line in lines:
                for one in forms.messages(app, line, self._hostname, forms.DATAGRAM_BYTES):
                    self._socket.send(one)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None


class Stream:
    """Syslog over TCP or TLS, messages by octet counting.

    The protocol has no receipts: lines are the receiver's once its machine acknowledged
    their last byte and the connection is still there.
    """

    def __init__(self, dial: Dial, hostname: str, wrap: Wrap | None) -> None:
        self._dial = dial
        self._hostname = hostname
        self._wrap = wrap
        self._socket: socket.socket | None = None

    def send(self, app: str, lines: Sequence[Line]) -> None:
        if self._socket is not None and is_over(self._socket):
            self.close()
        try:
            one = self._socket = self._socket or self._connected()
            one.settimeout(ANSWER_S)
            one.sendall(self._framed(app, lines))
            acknowledged(one)
            if is_over(one):
                raise ConnectionResetError("the receiver hung up")
        except OSError:
            self.close()
            raise

    def _framed(self, app: str, lines: Sequence[Line]) -> bytes:
        return b"".join(
            forms.framed(one)
            for line in lines
            for one in forms.messages(app, line, self._hostname, forms.STREAM_BYTES)
        )

    def _connected(self) -> socket.socket:
        plain = self._dial()
        if self._wrap is None:
            return plain
        try:
            return self._wrap(plain)
        except BaseException:
            plain.close()
            raise

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None


def acknowledged(one: socket.socket) -> None:
    """Wait until the other machine has acknowledged all that was sent (tcp(7), SIOCOUTQ)."""
    deadline, wait_s = time.monotonic() + ANSWER_S, LOOK_S
    while struct.unpack("i", fcntl.ioctl(one, termios.TIOCOUTQ, bytes(4)))[0]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing was acknowledged for {ANSWER_S:g} s")
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_LOOK_S)


def is_over(one: socket.socket) -> bool:
    """Whether the other side has hung up, or talks at length where it has nothing to say."""
    one.settimeout(0)
    try:
        for _ in range(CHATTER):
            if not one.recv(CHATTER):
                return True
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    return True


class Requests:
    """JSON lines, posted; a status of 2xx is the receipt, and no redirect is followed."""

    def __init__(self, sink: Sink, dial: Dial, ca_bundle: str) -> None:
        self._sink = sink
        wrap = encrypted(sink, ca_bundle) if sink.scheme == "https" else None
        self._connection = Connection(sink, dial, wrap)
        self._headers = dict(forms.headers(sink))

    def send(self, app: str, lines: Sequence[Line]) -> None:
        body = forms.json_lines(app, lines)
        try:
            status, reason = self._post(body)
        except OSError:
            self.close()
            raise
        except http.client.HTTPException as error:
            self.close()
            raise ConnectionError(f"it did not answer in HTTP ({type(error).__name__})") from None
        if not 200 <= status < 300:
            said = f"it answered with status {status} {reason}".strip()
            raise (Unwanted if status in UNWANTED else OSError)(said)

    def _post(self, body: bytes) -> tuple[int, str]:
        """Post it; status and reason of the answer."""
        connection = self._connection
        if connection.sock is not None and is_over(connection.sock):
            connection.close()
        if connection.sock is not None:
            connection.sock.settimeout(ANSWER_S)
        connection.request("POST", self._sink.target, body, self._headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, "".join(one for one in answer.reason[:60] if one.isprintable())

    def close(self) -> None:
        self._connection.close()


class Bounded(io.RawIOBase):
    """What a receiver answers, up to a size and a time: it may never come to an end."""

    def __init__(self, raw: io.RawIOBase, one: socket.socket) -> None:
        self._raw = raw
        self._socket = one
        self._left = ANSWER_BYTES
        self._deadline = time.monotonic() + ANSWER_S

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0 or self._left <= 0:
            raise TimeoutError("its answer does not come to an end")
        self._socket.settimeout(left_s)
        number: int | None = self._raw.readinto(buffer)
        self._left -= number or 0
        return number

    def close(self) -> None:
        super().close()
        self._raw.close()


class Answer(http.client.HTTPResponse):
    """One that comes to an end."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(Bounded(self.fp.detach(), sock))


class Connection(http.client.HTTPConnection):
    """One that goes where the dialling says, and nowhere else."""

    response_class = Answer

    def __init__(self, sink: Sink, dial: Dial, wrap: Wrap | None) -> None:
        super().__init__(f"[{sink.host}]" if ":" in sink.host else sink.host, sink.port)
        # a port that goes without saying is not said
        self.default_port = 443 if wrap else 80
        self._dial = dial
        self._wrap = wrap

    def connect(self) -> None:
        plain = self._dial()
        try:
            self.sock = self._wrap(plain) if self._wrap else plain
        except BaseException:
            plain.close()
            raise
        with contextlib.suppress(OSError):
            self.sock.settimeout(ANSWER_S)


def words(error: OSError) -> str:
    """Why something could not be sent, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError) and not error.args[0:1]:
        return "it did not answer in time"
    return str(error.strerror or error)[:200]
