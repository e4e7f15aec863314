"""Paramiko's transport, hardened: what a stranger can make us spend, and on which algorithms.

Touches: the connection's socket, and paramiko's documented hook packetizer_class; beside it
the tables and methods that paramiko 4 and 5 look up on the transport: here and nowhere else,
each marked, since its types and its promises do not cover them.
Limits follow RFC 4253 (sections 4.2, 6.1) and what OpenSSH's server does.
"""

import logging
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.channel import Channel
from paramiko.common import (
    AUTH_SUCCESSFUL,
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_REQUEST,
    cMSG_CHANNEL_WINDOW_ADJUST,
)
from paramiko.message import Message
from paramiko.packet import NeedRekeyException, Packetizer
from paramiko.ssh_exception import SSHException

if TYPE_CHECKING:
    from typing_extensions import Buffer

WINDOW_BYTES = 2 << 20  # larger is slower: the data falls out of the processor's cache
PACKET_BYTES = 128 << 10
EARLY_PACKET_BYTES = 35_000  # every client must accept this much, none needs more (RFC 4253 6.1)
BANNER_BYTES = 255
LOGIN_GRACE_S = 30.0
TRIES = 6
TCP_QUICKACK = 12  # linux/tcp.h

PARAMIKO: Any = paramiko.Transport  # for the tables its types do not show
POST_QUANTUM = "mlkem768x25519-sha256"

logging.getLogger("paas.ssh.wire").setLevel(logging.CRITICAL)  # strangers fill no log


class Packets(Packetizer):
    """Bounded packets, a deadline until login, acknowledgements at once until data flows."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self._connection = connection
        self._lines = 0
        self._quick = True
        self._limit = EARLY_PACKET_BYTES
        self._deadline: float | None = time.monotonic() + LOGIN_GRACE_S
        self._ahead = b""

    def logged_in(self) -> None:
        """The client is known: no deadline, and packets as large as we announced."""
        self._deadline = None
        self._limit = PACKET_BYTES + 4096

    def data_flows(self) -> None:
        """From now on throughput matters more than the next acknowledgement."""
        self._quick = False

    def start_handshake(self, timeout: float) -> None:
        """Nothing: paramiko's timer is a thread a connection, our deadline is a number."""

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Exactly n bytes, n being what a stranger claims: bounded before any is kept."""
        if not 0 <= n <= self._limit:
            raise SSHException(f"a packet of {n} bytes")
        buffer = bytearray(n)
        done = min(n, len(self._ahead))
        buffer[:done] = self._ahead[:done]
        self._ahead = self._ahead[done:]
        view = memoryview(buffer)
        while done < n:
            count = self._receive(view[done:])
            if not count and not done and check_rekey and self.need_rekey():
                raise NeedRekeyException
            done += count
        return buffer  # type: ignore[return-value] # as good as bytes to every user, uncopied

    def _receive(self, view: memoryview) -> int:
        """How many bytes came; 0 when none did for a second."""
        self._check_deadline()
        try:
            count = self._connection.recv_into(view)
        except TimeoutError:
            if self.closed:
                raise EOFError from None
            return 0
        if not count:
            raise EOFError
        if self._quick:
            self._connection.setsockopt(socket.IPPROTO_TCP, TCP_QUICKACK, 1)
        return count

    def readline(self, timeout: float) -> str:  # noqa: ARG002
        """The client's first line, short and in time; RFC 4253 has clients send no other."""
        self._lines += 1
        if self._lines > 1:
            raise SSHException("not an SSH client")
        line = b""
        while b"\n" not in line:
            if len(line) > BANNER_BYTES:
                raise SSHException("not an SSH client")
            part = bytearray(BANNER_BYTES)
            line += part[: self._receive(memoryview(part))]
        head, _, self._ahead = line.partition(b"\n")
        return head.rstrip(b"\r").decode(errors="replace")

    def write_all(self, out: "Buffer") -> None:
        """All of it, however slowly the client reads; until login only for so long."""
        view = memoryview(out)
        while view:
            self._check_deadline()
            try:
                view = view[self._connection.send(view) :]
            except TimeoutError:
                if self.closed:
                    raise EOFError from None
            except OSError:
                raise EOFError from None

    def _check_deadline(self) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise EOFError


class UnusableKey:
    """Stands for a key of a kind we do not speak: refused, and the client offers its next."""

    def asbytes(self) -> bytes:
        return b""


class Authentication(AuthHandler):
    """Paramiko's, which gives up at the first strange key and too late after bad ones."""

    transport: "ServerTransport"

    def __init__(self, transport: "ServerTransport") -> None:
        super().__init__(transport)
        self._failures = 0

    def _generate_key_from_request(self, algorithm: str, keyblob: bytes) -> Any:
        if algorithm not in self.transport._preferred_pubkeys:  # noqa: SLF001
            return UnusableKey()
        return super()._generate_key_from_request(algorithm, keyblob)  # type: ignore[misc]

    def _send_auth_result(self, username: str, method: str, result: int) -> None:
        if result == AUTH_SUCCESSFUL:
            self.transport.packetizer.logged_in()
            self.transport.events.logged_in()
        elif method != "none":  # every client asks for nothing first, to learn what there is
            self._failures += 1
        super()._send_auth_result(username, method, result)  # type: ignore[misc]
        if self._failures >= TRIES:
            self.transport.events.refused()
            self._disconnect_no_more_auth()  # type: ignore[attr-defined]


class ChannelEvents(Protocol):
    """What happens on one channel, told from the transport's thread: never block here."""

    def received(self, data: bytes) -> None: ...
    def input_ended(self) -> None: ...
    def closed(self) -> None: ...
    def answered(self) -> None: ...
    def rekeyed(self) -> None: ...


class TransportEvents(Protocol):
    """What happens to one connection, told from the transport's thread."""

    def logged_in(self) -> None: ...
    def refused(self) -> None: ...
    def opened(self, channel: Channel) -> None: ...
    def find(self, channel: Channel) -> ChannelEvents | None: ...
    def channels(self) -> list[ChannelEvents]: ...
    def gone(self, channel: Channel) -> None: ...
    def ended(self, reason: BaseException | None) -> None: ...


class ServerTransport(paramiko.Transport):
    """One client's connection; tells events what happens, and always tells the end."""

    # forward secrecy, authenticated encryption, nothing older; GCM alone among ciphers,
    # since the client's preference counts and OpenSSH's puts the slower CTR before it
    _preferred_kex = (
        *((POST_QUANTUM,) if POST_QUANTUM in PARAMIKO._kex_info else ()),  # noqa: SLF001
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "diffie-hellman-group16-sha512",
    )
    _kex_info: ClassVar[dict[str, Any]] = {
        **PARAMIKO._kex_info,  # noqa: SLF001
        "curve25519-sha256": PARAMIKO._kex_info["curve25519-sha256@libssh.org"],  # noqa: SLF001
    }
    _preferred_ciphers = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
    _preferred_macs = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
    _preferred_keys = ("ssh-ed25519",)
    _preferred_pubkeys = (
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    )
    _CLIENT_ID = "paas"
    _active_check_timeout = 1.0  # how often an idle connection wakes

    packetizer: Packets

    def __init__(self, connection: socket.socket, events: TransportEvents) -> None:
        super().__init__(
            connection,
            default_window_size=WINDOW_BYTES,
            default_max_packet_size=PACKET_BYTES,
            packetizer_class=Packets,
        )
        self.events = events
        self.banner_timeout = LOGIN_GRACE_S
        self.set_log_channel("paas.ssh.wire")

    def run(self) -> None:
        try:
            super().run()
        finally:
            self.events.ended(self.saved_exception)

    def _queue_incoming_channel(self, channel: Channel) -> None:
        self.events.opened(channel)

    def _parse_newkeys(self, m: Message) -> None:
        if self.auth_handler is None:
            self.auth_handler = Authentication(self)
        super()._parse_newkeys(m)  # type: ignore[misc]
        for channel in self.events.channels():
            channel.rekeyed()

    _channel_handler_table: ClassVar[dict[int, Callable[[Channel, Message], None]]] = {
        **PARAMIKO._channel_handler_table,  # noqa: SLF001
    }


def of(channel: Channel) -> ServerTransport:
    """The transport of a channel, which is always one of ours."""
    return cast("ServerTransport", channel.transport)


def may_send(channel: Channel) -> bool:
    """Whether a message can go out now; not while keys are exchanged."""
    return bool(cast("Any", channel.transport).clear_to_send.is_set())


def grant(channel: Channel, count: int) -> None:
    """Let the client send count bytes more; waits while keys are exchanged."""
    message = Message()
    message.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
    message.add_int(channel.remote_chanid)
    message.add_int(count)
    cast("Any", channel.transport)._send_user_message(message)  # noqa: SLF001


# -- what paramiko calls for each message on a channel, in the transport's thread ----------


def on_data(channel: Channel, message: Message) -> None:
    of(channel).packetizer.data_flows()
    if (events := of(channel).events.find(channel)) is not None:
        events.received(message.get_binary())


def on_extended_data(_channel: Channel, _message: Message) -> None:
    raise SSHException("a client has no second stream")


def on_end_of_input(channel: Channel, message: Message) -> None:
    cast("Any", channel)._handle_eof(message)  # noqa: SLF001
    if (events := of(channel).events.find(channel)) is not None:
        events.input_ended()


def on_close(channel: Channel, message: Message) -> None:
    cast("Any", channel)._handle_close(message)  # noqa: SLF001
    of(channel).events.gone(channel)


def on_request(channel: Channel, message: Message) -> None:
    """A command must not start before its request was answered: clients drop early output."""
    cast("Any", channel)._handle_request(message)  # noqa: SLF001
    if (events := of(channel).events.find(channel)) is not None:
        events.answered()


ServerTransport._channel_handler_table.update(  # noqa: SLF001
    {
        MSG_CHANNEL_DATA: on_data,
        MSG_CHANNEL_EXTENDED_DATA: on_extended_data,
        MSG_CHANNEL_EOF: on_end_of_input,
        MSG_CHANNEL_CLOSE: on_close,
        MSG_CHANNEL_REQUEST: on_request,
    }
)
