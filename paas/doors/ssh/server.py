"""One client's connection: who it is, and which of its requests are granted.

Granted: public keys we know under three user names, sessions with a command or a help
page, a terminal and its size. Everything else SSH can do is refused by default.
"""

import base64
import hashlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import paramiko
from paramiko.channel import Channel
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from paas.console import Console
from paas.doors.dispatch import Dispatch, Sessions, say
from paas.doors.ssh.channels import Session
from paas.doors.ssh.commandline import GitRequest, is_deploy, parse
from paas.doors.ssh.receive import GitServer
from paas.doors.ssh.throttle import Throttle
from paas.doors.ssh.transport import ChannelEvents, ServerTransport
from paas.errors import PaasError, PermissionDenied, of_disk
from paas.model.caller import Caller, Role

log = logging.getLogger(__name__)

USERS = frozenset(("paas", "dokku", "git"))
CHANNELS = 10


class KnownKey(Protocol):
    """What the store knows of a registered key."""

    @property
    def name(self) -> str: ...
    @property
    def roles(self) -> frozenset[Role]: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What every connection shares: the commands, git, the keys, the limits.

    find_key takes a fingerprint as ssh-keygen prints it (`SHA256:...`).
    """

    dispatch: Dispatch
    git: GitServer
    find_key: Callable[[str], KnownKey | None]
    throttle: Throttle
    sessions: Sessions


class Connection(paramiko.ServerInterface):
    """Answers paramiko's questions about one client, and keeps its sessions."""

    def __init__(self, source: str, connection: socket.socket, services: Services) -> None:
        self.source = source
        self._socket = connection
        self._services = services
        self._sessions: dict[int, Session] = {}
        self._fingerprint = ""
        self._name = ""
        self.transport = ServerTransport(connection, self)

    def drop(self) -> None:
        """End the connection now; its thread notices by itself."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.debug("ssh: %s was gone already", self.source)

    # -- what happens (from the transport) -----------------------------------------

    def logged_in(self) -> None:
        self._services.throttle.logged_in(self)
        log.info("ssh: %s came from %s", self._name, self.source)

    def refused(self) -> None:
        self._services.throttle.refused(self)
        log.info("ssh: too many keys tried from %s", self.source)

    def opened(self, channel: Channel) -> None:
        self._sessions[channel.chanid] = Session(channel, self._services.sessions)

    def find(self, channel: Channel) -> ChannelEvents | None:
        return self._sessions.get(channel.chanid)

    def channels(self) -> list[ChannelEvents]:
        return list(self._sessions.values())

    def gone(self, channel: Channel) -> None:
        session = self._sessions.pop(channel.chanid, None)
        if session is not None:
            session.closed()

    def ended(self, reason: BaseException | None) -> None:
        self._services.throttle.ended(self)
        for session in list(self._sessions.values()):
            session.closed()
        self._sessions.clear()
        log.debug("ssh: %s left: %s", self.source, reason)

    # -- who it is -----------------------------------------------------------------

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - the same for all
        return "publickey"

    def check_auth_publickey(self, username: str, key: Any) -> int:
        fingerprint = fingerprint_of(key.asbytes())
        known = self._services.find_key(fingerprint) if username in USERS else None
        if known is None:
            return AUTH_FAILED
        self._fingerprint, self._name = fingerprint, known.name
        return AUTH_SUCCESSFUL

    def caller(self) -> Caller:
        """Who asks, looked up anew for every command: a removed key stops working at once."""
        known = self._services.find_key(self._fingerprint)
        if known is None:
            raise PermissionDenied("this key was removed", "connect again with another one")
        return Caller(known.name, "ssh", frozenset(known.roles), self._fingerprint)

    # -- what it wants --------------------------------------------------------------

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        if kind == "session" and len(self._sessions) < CHANNELS:
            return OPEN_SUCCEEDED
        return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_pty_request(  # paramiko's signature
        self,
        channel: Channel,
        term: bytes,
        width: int,
        height: int,
        pixelwidth: int,  # noqa: ARG002
        pixelheight: int,  # noqa: ARG002
        modes: bytes,  # noqa: ARG002
    ) -> bool:
        name = term[:64].decode("ascii", "replace")
        return self._sessions[channel.chanid].request_terminal(name, height, width)

    def check_channel_window_change_request(
        self,
        channel: Channel,
        width: int,
        height: int,
        pixelwidth: int,  # noqa: ARG002
        pixelheight: int,  # noqa: ARG002
    ) -> bool:
        return self._sessions[channel.chanid].resize(height, width)

    def check_channel_shell_request(self, channel: Channel) -> bool:
        return self.check_channel_exec_request(channel, b"")

    def check_channel_exec_request(self, channel: Channel, command: bytes) -> bool:
        session = self._sessions[channel.chanid]
        return session.request(
            lambda console: self._run(command, console), deploying=is_deploy(command)
        )

    def check_channel_subsystem_request(self, channel: Channel, name: str) -> bool:  # noqa: ARG002
        return False

    # -- running it (in the session's thread) ----------------------------------------

    def _run(self, command: bytes, console: Console) -> int:
        try:
            caller, wish = self.caller(), parse(command or nothing_asked(console))
            if isinstance(wish, GitRequest):
                return self._services.git.serve(wish, caller, console)
            return self._services.dispatch(caller, wish, console)
        except PaasError as error:
            return say(console, error)
        except OSError as error:
            known = of_disk(error)
            if known is None:
                raise
            return say(console, known)


def nothing_asked(console: Console) -> bytes:
    """What a client gets that names no command: on a terminal a shell of ours."""
    return b"shell" if console.is_terminal else b"help"


def fingerprint_of(blob: bytes) -> str:
    """`SHA256:...`, as ssh-keygen -l prints it (RFC 4648 base64, no padding)."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"
