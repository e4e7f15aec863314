"""How the daemon speaks to the running nginx: HTTP on a unix socket, one connection kept open.

Touches: the control socket, which only root can reach.
"""

import http.client
import socket
import threading
from pathlib import Path

from paas.errors import PaasError

TIMEOUT_S = 5.0


class Unreachable(PaasError):
    """Nobody answers on the control socket."""


class Refused(PaasError):
    """nginx answered, and did not do it."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP to a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("proxy", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(str(self._path))


class Control:
    """The requests control.lua answers. All may be repeated without harm."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection = UnixConnection(path)

    def put(self, app: str, route: str) -> None:
        """Replace one app's route; every worker sees it when this returns."""
        self._ask("PUT", f"/routes/{app}", route)

    def put_all(self, table: str) -> None:
        """Replace every route."""
        self._ask("PUT", "/routes", table)

    def delete(self, app: str) -> None:
        """Forget an app's route; nothing happens when there is none."""
        self._ask("DELETE", f"/routes/{app}")

    def put_certificate(self, digest: str, pem: str) -> None:
        """Have a certificate and its key ready to be shown."""
        self._ask("PUT", f"/certificates/{digest}", pem)

    def delete_certificate(self, digest: str) -> None:
        """Forget a certificate; nothing happens when there is none."""
        self._ask("DELETE", f"/certificates/{digest}")

    def put_challenge(self, host: str, token: str, answer: str) -> None:
        """Answer a certificate authority that asks for a token of a host."""
        self._ask("PUT", f"/challenges/{host}/{token}", answer)

    def delete_challenge(self, host: str, token: str) -> None:
        """Answer it no more."""
        self._ask("DELETE", f"/challenges/{host}/{token}")

    def table(self) -> str:
        """The live routes, as table.decode reads them."""
        return self._ask("GET", "/routes")

    def site(self) -> str:
        """The digest of the site the answering worker runs."""
        return self._ask("GET", "/site")

    def close(self) -> None:
        """Hang up; the next request connects anew."""
        with self._lock:
            self._connection.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> str:
        with self._lock:
            try:
                status, text = self._once(method, path, body)
            except (OSError, http.client.HTTPException):
                # the worker on the other end left, as after a reload: another one answers
                self._connection.close()
                status, text = self._again(method, path, body)
        if status != http.HTTPStatus.OK:
            raise Refused(f"the proxy refused {method} {path}: {text} ({status})")
        return text

    def _again(self, method: str, path: str, body: str | None) -> tuple[int, str]:
        try:
            return self._once(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unreachable(f"the proxy does not answer on {self._path}: {error}") from error

    def _once(self, method: str, path: str, body: str | None) -> tuple[int, str]:
        self._connection.request(method, path, None if body is None else body.encode())
        response = self._connection.getresponse()
        return response.status, response.read().decode(errors="replace")
