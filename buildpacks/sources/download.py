"""Download: an archive by its address, from strangers: few redirects, no endless waiting.

A login is sent to the host it is for and to no other, wherever that sends us.
"""

import base64
import http.client
import ipaddress
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lifecycle import say
from lifecycle.say import Failure

REDIRECTS = 5
SILENCE_S = 20
# slower than this for so long is not worth waiting for
LEAST_BYTES, WINDOW_S = 30_000, 30.0
PORTS = {"http": 80, "https": 443}


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https, to addresses that are somebody's, and not for ever."""

    max_redirections = REDIRECTS
    max_repeats = 2

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        refuse_odd(newurl)
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        say.detail(f"it has moved to {plain(newurl)}")
        return made


@contextmanager
def opened(url: str, login: dict[str, str] | None) -> Iterator[Any]:
    """The body of what is there; Failure with why it cannot be had."""
    refuse_odd(url)
    say.step(f"Fetching {plain(url)}")
    request = urllib.request.Request(url, headers={"User-Agent": "paas", "Accept": "*/*"})
    if login:
        pair = base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {pair}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Redirects())
    try:
        response = opener.open(request, timeout=SILENCE_S)
    except Failure:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Failure(f"{plain(url)} cannot be fetched: {words(error)}", remedy(error)) from None
    with response:
        yield Patient(response, plain(url))


class Patient:
    """A response that must keep coming."""

    def __init__(self, response: Any, name: str) -> None:
        self._response = response
        self._name = name
        self._since = time.monotonic()
        self._count = 0

    def read(self, size: int) -> bytes:
        try:
            # one read of the socket, so that little by little is noticed
            data: bytes = self._response.read1(size)
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"{self._name} cannot be fetched: {words(error)}", "try again") from None
        self._count += len(data)
        passed = time.monotonic() - self._since
        if passed > WINDOW_S:
            if self._count < LEAST_BYTES:
                raise Failure(
                    f"{self._name} comes too slowly: {self._count} bytes in {passed:.0f} s"
                )
            self._since, self._count = time.monotonic(), 0
        return data


def refuse_odd(url: str) -> None:
    """Raise Failure for an address that is not fetched from."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise Failure(f"{plain(url)} is not fetched", "only addresses of http:// and https:// are")
    refuse_inward(parts.hostname, parts.port or PORTS[parts.scheme])


def refuse_inward(host: str, port: int) -> None:
    """Raise Failure for a host whose address is nobody's but the asker's, or that does not answer.

    This machine and the clouds' own addresses are out of reach anyway: nothing comes back.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Failure(f"the host {host} is not known: {words(error)}", "check its name") from None
    for *_, place in found:
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if address.is_loopback or address.is_link_local or address.is_unspecified:
            raise Failure(
                f"{host} leads to {address}, which is not fetched from",
                "give an address that other machines reach too",
            )
    try:
        socket.create_connection((host, port), SILENCE_S).close()
    except OSError as error:
        raise Failure(
            f"{host} does not answer on port {port}: {words(error)}",
            "apps and what is fetched for them do not reach this machine itself, "
            "other apps, and what egress_denied in the settings names",
        ) from None


def plain(url: str) -> str:
    """An address as it may be shown: without login, and without what may be a signature."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, "", ""))[:300]


def words(error: Exception) -> str:
    """Why, in a few words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message})"
    if isinstance(reason, TimeoutError):
        return f"nothing came for {SILENCE_S} s"
    return str(getattr(reason, "strerror", None) or reason)[:200]


def remedy(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError) and error.code in (401, 403):
        return "give a login for the host: paas git:auth HOST USER PASSWORD"
    return "check the address, and whether this machine reaches it"
