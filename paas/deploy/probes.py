"""Probes: one look at a container, by HTTP, by its port or by a command in it.

Each says what was wrong, or "" when nothing was. What answers is an app's: every look
has an end, whatever the app does.
"""

import http.client
import os
import shlex
import socket
import ssl
import threading
from contextlib import suppress

from paas.console import Console, plain
from paas.deploy.ends import words_of
from paas.engines.base import Streams
from paas.model.check import Check, Way
from paas.model.container import Container
from paas.platform import Platform

BODY_BYTES = 1 << 20
OUTPUT_BYTES = 4096


def look(platform: Platform, container: Container, check: Check, console: Console) -> str:
    """What was wrong this time; "" when it is healthy."""
    if check.way is Way.HTTP:
        return ask(container, check, console)
    if check.way is Way.COMMAND:
        return run(platform, container, check.command, check.timeout_s, console)
    return ""  # that the port is open, or the time is over, has been waited for


def accepts(container: Container, port: int) -> bool:
    """Whether something takes connections on a port of the container."""
    try:
        with socket.create_connection((str(container.address), port), timeout=1):
            return True
    except OSError:
        return False


# -- HTTP ------------------------------------------------------------------------------


def ask(container: Container, check: Check, console: Console) -> str:
    """One HTTP GET, over by the check's timeout."""
    path = check.path or "/"
    connection = connection_to(container, check)
    over = threading.Event()
    alarm = threading.Timer(check.timeout_s, cut, (connection, over))
    alarm.daemon = True
    alarm.start()
    try:
        connection.request("GET", path, headers=headers(check))
        answer = connection.getresponse()
        body = answer.read(BODY_BYTES) if check.content else b""
    except (OSError, http.client.HTTPException) as error:
        if over.is_set() or isinstance(error, TimeoutError):
            return f"GET {path} was not answered within {check.timeout_s:g} s"
        if isinstance(error, http.client.BadStatusLine):
            return "" if check.path is None else f"GET {path} was not answered in HTTP"
        return f"GET {path} failed: {error}"
    finally:
        alarm.cancel()
        connection.close()
    if over.is_set():
        return f"GET {path} was not answered within {check.timeout_s:g} s"
    return judge(container, check, answer.status, body, console)


def connection_to(container: Container, check: Check) -> http.client.HTTPConnection:
    """A connection to the container itself; its certificate, if any, is its own business."""
    address = str(container.address)
    if check.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(
            address, check.port, timeout=check.timeout_s, context=context
        )
    return http.client.HTTPConnection(address, check.port, timeout=check.timeout_s)


def cut(connection: http.client.HTTPConnection, over: threading.Event) -> None:
    """End a request whose answer drips in for too long."""
    over.set()
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def headers(check: Check) -> dict[str, str]:
    own = {name.title(): value for name, value in check.headers}
    return {"Host": check.host, "User-Agent": "paas-check", **own}


def judge(container: Container, check: Check, status: int, body: bytes, console: Console) -> str:
    """Only an explicit check insists on what is answered."""
    if check.path is None:
        if status >= 500:
            console.warn(f"{container.spec.hostname} answers GET / with status {status}")
        return ""
    if status >= 400:
        return f"GET {check.path} answered with status {status}"
    if check.content and check.content.encode() not in body:
        return f"GET {check.path} answered without {check.content!r}"
    return ""


# -- commands ----------------------------------------------------------------------------


def run(
    platform: Platform,
    container: Container,
    argv: tuple[str, ...],
    timeout_s: float,
    console: Console,
) -> str:
    """Run a command beside the process; its last output is shown when it fails."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    output: list[bytes] = []
    try:
        session = platform.engine.execute(container.id, argv, {}, Streams(None, writer, writer))
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    tail = threading.Thread(target=last_output, args=(reader, output), daemon=True)
    tail.start()
    try:
        status = session.wait(timeout_s)
    finally:
        session.close()
        tail.join(timeout=1)
    line = shlex.join(argv)
    if status is not None and status.code == 0:
        return ""
    console.detail(plain(b"".join(output).decode(errors="replace").rstrip()))
    if status is None:
        return f"`{line}` did not end within {timeout_s:g} s"
    return f"`{line}` {words_of(status, None)}"


def last_output(reader: int, output: list[bytes]) -> None:
    """Keep the end of what a command writes."""
    with os.fdopen(reader, "rb", buffering=0) as stream:
        while data := stream.read(OUTPUT_BYTES):
            output[:] = [(b"".join(output) + data)[-OUTPUT_BYTES:]]
