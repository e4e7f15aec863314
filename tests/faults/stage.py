"""Where faults are played: an instance of its own that allows them, with small quick apps."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import own_settings
from tests.e2e.instance import Instance, Repository

SERVER = """
import os, socketserver, threading

TEXT = " ".join((os.environ["PAAS_APP"], os.environ["PAAS_RELEASE"], open("page.txt").read()))

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            head = "HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(TEXT)
            self.wfile.write((head + TEXT).encode())

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

Server(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""
FILES = {"server.py": SERVER, "Procfile": "web: exec python3 -S -E server.py\n"}
QUICK = {
    "boot_timeout_s": 20.0,
    "build_timeout_s": 60.0,
    "drain_s": 0.5,
    "stop_grace_s": 2.0,
    "check_wait_s": 0.2,
    "patrol_s": 1.0,
}


@contextmanager
def faulty_instance(**changes: object) -> Iterator[Instance]:
    """A daemon that allows failpoints; nothing of it is left afterwards."""
    settings = own_settings(**{**QUICK, **changes})
    settings.state_dir.mkdir(parents=True)
    settings.run_dir.mkdir(parents=True)
    instance = Instance(settings)
    instance.variables["PAAS_FAILPOINTS"] = "on"
    instance.make_key()
    try:
        instance.start()
        key = instance.key.with_suffix(".pub").read_bytes()
        instance.ok("ssh-keys:add", "tester", stdin=key)
        yield instance
    finally:
        instance.destroy()


def deployed(instance: Instance, app: str, page: str = "0") -> Repository:
    """A small app that answers with its name, its release and its page."""
    repository = instance.repository(app)
    repository.deploy({**FILES, "page.txt": page})
    return repository
