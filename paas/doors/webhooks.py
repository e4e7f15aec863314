"""The webhook door: a git server tells of a push, and the app that follows it is synced.

Touches: one socket in run_dir, which only nginx is to reach; it bounds sizes, rates and time
before anything comes here. Whoever cannot sign learns nothing: not even which apps there are.
"""

import logging
import shutil
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from paas.deploy import sync
from paas.errors import PaasError
from paas.model.app import App
from paas.model.webhook import BODY_BYTES, PATH, Message
from paas.platform import Platform
from paas.proxy.nginx import WORKER_GROUP

log = logging.getLogger(__name__)

REQUEST_S = 10.0
AT_ONCE = 16
ACTOR = "webhook"


class WebhookDoor:
    """Answers on the socket from open() to close()."""

    def __init__(self, platform: Platform, ask: Callable[[str, str], object]) -> None:
        self._platform = platform
        self._ask = ask
        self._server: Server | None = None

    @property
    def path(self) -> Path:
        return self._platform.settings.webhook_socket

    def open(self) -> None:
        self.path.unlink(missing_ok=True)
        self._server = Server(str(self.path), self.answer)
        # nginx's workers hand over; nobody else on the host gets this far
        shutil.chown(self.path, group=WORKER_GROUP)
        self.path.chmod(0o660)
        threading.Thread(target=self._server.serve_forever, name="webhooks", daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self.path.unlink(missing_ok=True)

    def answer(self, path: str, message: Message) -> tuple[int, str]:
        """Status and words for a delivery."""
        app = self._app(path)
        secret = self._platform.store.secrets.get(app, sync.NAMESPACE, sync.WEBHOOK) if app else ""
        what = sync.followed(self._platform, app) if app and secret else None
        if app is None or not secret or not message.is_genuine(secret):
            return 404, "there is no such webhook, or the secret is another one"
        if not message.is_push:
            return 200, "heard"
        if what is None:
            return 409, f"{app.name} follows no repository: paas git:sync {app.name} URL"
        if not message.concerns(what.ref):
            return 200, f"{app.name} follows {what.ref}: nothing to do"
        self._ask(app.name, ACTOR)
        return 202, f"{app.name} is brought up to date"

    def _app(self, path: str) -> App | None:
        name = path.partition("?")[0].removeprefix(PATH)
        try:
            return self._platform.store.apps.find(name)
        except PaasError:
            return None


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A thread a request, not too many of them."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: str, reply: Callable[[str, Message], tuple[int, str]]) -> None:
        self.reply = reply
        self._places = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(path, Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._places:
            super().process_request_thread(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        log.debug("webhooks: a request ended early")


class Handler(BaseHTTPRequestHandler):
    """One request: its body is read only up to a bound, and answered with a line."""

    server: Server
    timeout = REQUEST_S

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_BYTES:
            self._say(413, "the message is too large")
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            status, words = self.server.reply(self.path, Message(headers, body))
        except Exception:
            log.exception("webhooks: a delivery failed")
            status, words = 500, "something went wrong inside paas"
        self._say(status, words)

    def do_GET(self) -> None:
        self._say(404, "there is no such webhook, or the secret is another one")

    def _say(self, status: int, words: str) -> None:
        data = f"{words}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)

    def address_string(self) -> str:
        return "nginx"

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        log.debug("webhooks: " + format, *arguments)  # noqa: G003 - as http.server has it
