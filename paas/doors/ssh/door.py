"""The SSH door: listens, lets connections in by the throttle's leave, starts their transports.

Touches: the listening socket and the host key.
"""

import contextlib
import logging
import socket
import threading
import time

from paas.doors.ssh.hostkey import HostKey
from paas.doors.ssh.server import Connection, Services
from paas.doors.ssh.throttle import source_of
from paas.errors import PaasError
from paas.settings import Settings

log = logging.getLogger(__name__)

BACKLOG = 256


class SshDoor:
    """Listens from open() to close(); a thread a connection (paramiko's)."""

    def __init__(self, settings: Settings, services: Services) -> None:
        self._settings = settings
        self._services = services
        self._listener: socket.socket | None = None
        self._key: HostKey | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._listener is None:
            raise PaasError("the SSH door is not open")
        return int(self._listener.getsockname()[1])

    def open(self) -> None:
        """Start listening; PaasError when the port is taken."""
        self._key = HostKey(self._settings.state_dir / "ssh")
        self._listener = listen(self._settings.listen_address, self._settings.ssh_port)
        threading.Thread(target=self._accept, name="ssh-door", daemon=True).start()

    def close(self) -> None:
        """Stop listening; clients being served are not disturbed."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self) -> None:
        while (listener := self._listener) is not None:
            try:
                connection, address = listener.accept()
            except OSError as error:
                if self._listener is None:
                    return
                log.warning("ssh: cannot accept: %s", error)
                time.sleep(0.1)
                continue
            self._greet(connection, address[0])

    def _greet(self, connection: socket.socket, address: str) -> None:
        """Start a connection's transport, or close it without a word."""
        try:
            prepare(connection)
            client = Connection(source_of(address), connection, self._services)
            if not self._services.throttle.admit(client):
                connection.close()
                return
            if self._key is not None:
                client.transport.add_server_key(self._key.now())
            client.transport.start_server(event=threading.Event(), server=client)
        except (OSError, RuntimeError, PaasError) as error:  # gone already, or no thread left
            log.warning("ssh: a connection from %s could not be served: %s", address, error)
            connection.close()


def listen(address: str, port: int) -> socket.socket:
    """A listening TCP socket, both families where the address is for all of one."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise PaasError(
            f"port {port} cannot be opened for SSH: {error.strerror}",
            "stop what uses it, or choose another: PAAS_SSH_PORT or ssh_port in the settings",
        ) from error


def prepare(connection: socket.socket) -> None:
    """Small packets at once; a client that vanished is noticed within three minutes."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 6)
