"""The local door: a unix socket for root's `paas` and for git's hooks, and for nobody else.

Touches: the socket in run_dir, and the descriptors clients hand over (SCM_RIGHTS,
unix(7)). A client sends one JSON line with its three streams; commands then write to
those streams directly, and the door answers with the exit code. A client that closes
its end cancels. Who asks is what the kernel says (SO_PEERCRED), never what is sent.
"""

import array
import contextlib
import json
import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paas.console import Console
from paas.doors.dispatch import Dispatch, Sessions, deploys
from paas.errors import PaasError, PermissionDenied, UsageError
from paas.model.caller import Caller, Role
from paas.settings import Settings, hostname

log = logging.getLogger(__name__)

REQUEST_BYTES = 4 << 20
REQUEST_S = 10.0
CONNECTIONS = 256
STREAMS = 3
CREDENTIALS = "iII"  # struct ucred: pid, uid, gid (unix(7))
VARIABLES = frozenset(
    (
        "GIT_QUARANTINE_PATH",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "PAAS_PUSH",
        "PWD",
        "TERM",
    )
)


@dataclass(slots=True)
class Request:
    """What a client asked: words, the variables let through, and its three streams."""

    argv: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    descriptors: list[int] = field(default_factory=list)

    def close(self) -> None:
        while self.descriptors:
            os.close(self.descriptors.pop())


class LocalDoor:
    """Listens from open() to close(); a thread a client."""

    def __init__(
        self,
        settings: Settings,
        dispatch: Dispatch,
        sessions: Sessions,
        plugin_of: Callable[[int], Caller | None] = lambda _: None,
    ) -> None:
        """plugin_of: which caller a plugin's user is."""
        self._settings = settings
        self._dispatch = dispatch
        self._sessions = sessions
        self._plugin_of = plugin_of
        self._listener: socket.socket | None = None
        self._places = threading.Semaphore(CONNECTIONS)

    def open(self) -> None:
        """Start listening, in place of whatever socket a dead daemon left."""
        path = self._settings.socket
        path.parent.mkdir(parents=True, exist_ok=True)
        self._listener = listen(path)
        threading.Thread(target=self._accept, name="local-door", daemon=True).start()

    def close(self) -> None:
        """Stop listening; clients being served are not disturbed."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            self._settings.socket.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self) -> None:
        while (listener := self._listener) is not None:
            try:
                connection, _ = listener.accept()
            except OSError as error:
                if self._listener is None:
                    return
                log.warning("local door: cannot accept: %s", error)
                time.sleep(0.1)
                continue
            self._admit(connection)

    def _admit(self, connection: socket.socket) -> None:
        try:
            caller = identify(connection, self._settings, self._plugin_of)
            if not self._places.acquire(blocking=False):
                raise PaasError("the local door is busy", "try again in a moment")
        except PaasError as error:
            refuse(connection, error)
            connection.close()
            return
        threading.Thread(
            target=self._serve, args=(connection, caller), name="local-client", daemon=True
        ).start()

    def _serve(self, connection: socket.socket, caller: Caller) -> None:
        request = Request()
        try:
            read_request(connection, request)
            self._run(connection, caller, request)
        except PaasError as error:
            refuse(connection, error)
        except OSError as error:
            log.info("local door: %s", error)
        except Exception:
            log.exception("local door: a bug while serving %s", caller.name)
        finally:
            request.close()
            connection.close()
            self._places.release()

    def _run(self, connection: socket.socket, caller: Caller, request: Request) -> None:
        hook = Role.HOOK in caller.roles
        if hook != bool(request.argv and request.argv[0].startswith("hook:")):
            raise PermissionDenied("hooks are called by git alone, and git calls nothing else")
        stdin, stdout, stderr = request.descriptors
        console = Console(stdin, stdout, stderr, environment=request.environment)
        with self._sessions.serving(console, deploying=hook or deploys(request.argv)):
            with watching(connection, console):
                status = self._dispatch(caller, request.argv, console)
            request.close()  # before the answer: a pipe's reader sees its end no later
            answer(connection, {"exit": status})


def listen(path: Path) -> socket.socket:
    """A listening socket that everybody may reach: strangers are owed a clear refusal."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    listener.bind(str(temporary))
    temporary.chmod(0o666)
    listener.listen(128)
    temporary.rename(path)
    return listener


def identify(
    connection: socket.socket,
    settings: Settings,
    plugin_of: Callable[[int], Caller | None] = lambda _: None,
) -> Caller:
    """Who is at the other end, by the kernel's word; PermissionDenied for strangers."""
    size = struct.calcsize(CREDENTIALS)
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, _ = struct.unpack(CREDENTIALS, packed)
    if uid == 0:
        return Caller("root", "local", frozenset({Role.ADMIN}))
    if uid == settings.git_uid:
        return Caller("git", "hook", frozenset({Role.HOOK}))
    if (plugin := plugin_of(uid)) is not None:
        return plugin
    raise PermissionDenied(
        "only root may use this door",
        f"use sudo, or ssh -p {settings.ssh_port} paas@{hostname()}",
    )


def read_request(connection: socket.socket, request: Request) -> None:
    """Fill request from the client's one line; PaasError for anything but that."""
    deadline = time.monotonic() + REQUEST_S
    data = bytearray()
    while not data.endswith(b"\n"):
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            part = receive(connection, request)
        except TimeoutError:
            raise UsageError("the request did not arrive in time") from None
        data += part
        if not part or len(data) > REQUEST_BYTES:
            raise UsageError("the request is cut short" if not part else "the request is too long")
    connection.settimeout(None)
    request.argv, request.environment = parse(bytes(data))
    if len(request.descriptors) != STREAMS:
        raise UsageError("a request comes with three descriptors", "use bin/paas")


def receive(connection: socket.socket, request: Request) -> bytes:
    """Some bytes, and the descriptors that came with them, into request."""
    space = socket.CMSG_SPACE(STREAMS * struct.calcsize("i"))
    part, ancillary, _, _ = connection.recvmsg(65536, space, socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers = array.array("i")
            numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
            request.descriptors.extend(numbers)
    if len(request.descriptors) > STREAMS:
        raise UsageError("a request comes with three descriptors", "use bin/paas")
    return part


def parse(line: bytes) -> tuple[list[str], dict[str, str]]:
    """Words and the variables let through, or UsageError."""
    try:
        request = json.loads(line)
        argv, env, version = request["argv"], request.get("env", {}), request["version"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError("the request is not one JSON line with version and argv") from None
    if version != 1:
        raise UsageError(f"the daemon does not speak version {version!r}"[:200])
    words = [*argv, *env.keys(), *env.values()] if is_shaped(argv, env) else [None]
    if not all(isinstance(word, str) for word in words):
        raise UsageError("argv is a list of strings, env maps strings to strings")
    return argv, {key: value for key, value in env.items() if key in VARIABLES}


def is_shaped(argv: Any, env: Any) -> bool:
    return isinstance(argv, list) and isinstance(env, dict)


@contextlib.contextmanager
def watching(connection: socket.socket, console: Console) -> Iterator[None]:
    """Listen for a resize and for the client leaving while its command runs."""
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(connection, console, over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RD)
        watcher.join()


def watch(connection: socket.socket, console: Console, over: threading.Event) -> None:
    try:
        while part := connection.recv(4096):
            if b"resize" in part:
                console.resized()
    except OSError:
        pass
    except Exception:
        log.exception("local door: a listener failed")
    if not over.is_set():
        console.cancel()


def refuse(connection: socket.socket, error: PaasError) -> None:
    """Say why not."""
    answer(connection, {"error": error.message, "hint": error.hint, "exit": error.exit_code})


def answer(connection: socket.socket, value: dict[str, object]) -> None:
    """One JSON line; a client that is gone or does not listen is not waited for."""
    with contextlib.suppress(OSError):
        connection.settimeout(1)
        connection.sendall(json.dumps(value).encode() + b"\n")
