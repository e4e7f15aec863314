"""Where faults are played: an instance of its own that allows them, with small quick apps."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from tests.conftest import own_settings
from tests.e2e.instance import Instance, Repository, running
from tests.faults.prober import Prober, fetch
from tests.faults.rows import AppRow, read_apps

Done = subprocess.CompletedProcess[bytes]

# answers with the name it got, its release, its page, the variable MODE and what it is called
SERVER = """
import os, socketserver

NAMES = open("name.txt").read(), os.environ["PAAS_RELEASE"], open("page.txt").read()
TEXT = " ".join((*NAMES, os.environ.get("MODE", "-"), os.environ["PAAS_APP"]))

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
    "gc_interval_s": 0.0,  # by itself it would pass points in the midst of an operation
}
DEATH_S = 60.0
# the domain that stays with an app, whatever it is called
LASTING = "{app}.lasting.test"


@contextmanager
def faulty_instance(*within: str, **changes: object) -> Iterator[Instance]:
    """A daemon that allows failpoints; nothing of it is left afterwards. within: what runs it."""
    settings = own_settings(**{**QUICK, **changes})
    with running(settings, {"PAAS_FAILPOINTS": "on"}, within=within) as instance:
        yield instance


def deployed(instance: Instance, app: str, files: Mapping[str, str] | None = None) -> Repository:
    """A small app, answering, also under a domain that stays its own when it is renamed."""
    repository = instance.repository(app)
    repository.deploy({**FILES, "name.txt": app, "page.txt": "0", **(files or {})})
    instance.ok("domains:add", app, LASTING.format(app=app))
    return repository


def died(instance: Instance) -> None:
    """Wait until the daemon has ended."""
    assert instance.process is not None
    instance.process.wait(timeout=DEATH_S)


def until(condition: Callable[[], object], timeout_s: float = DEATH_S) -> None:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


@dataclass
class Answer:
    """What an app said of itself."""

    name: str
    release: str
    page: str
    mode: str
    app: str


@dataclass
class Stage:
    """The app that things happen to, its neighbour, and who watches both."""

    instance: Instance
    repository: Repository
    prober: Prober
    page: int = 0
    mode: int = 0
    made: int = 0
    before: str = ""
    doomed: Repository = field(init=False)

    @property
    def row(self) -> AppRow:
        """The app in the database: the first one made, whatever it is called by now."""
        return min(read_apps(self.instance.settings), key=lambda one: one.id)

    @property
    def app(self) -> str:
        """What the app is called now."""
        return self.row.name

    def answer(self, host: str = "") -> Answer:
        """What the app answers now, on its lasting domain or another host."""
        port = self.instance.settings.http_port
        status, body = fetch(port, host or LASTING.format(app=self.repository.app))
        assert status == 200, (status, body)
        return Answer(*body.split(" "))


def at_rest(stage: Stage) -> None:
    """Wait until no container but those in service is left: nothing is retired any more."""
    settings = stage.instance.settings

    def is_at_rest() -> bool:
        served = {one for app in read_apps(settings) for one in app.in_service}
        return {entry.name for entry in (settings.run_dir / "containers").iterdir()} <= served

    until(is_at_rest)


@contextmanager
def staged(*within: str, **changes: object) -> Iterator[Stage]:
    """An instance with the app `shop` and its neighbour `calm`, both watched."""
    with faulty_instance(*within, **changes) as instance:
        repository = deployed(instance, "shop")
        deployed(instance, "calm")
        hosts = {LASTING.format(app=app): app for app in ("shop", "calm")}
        with Prober(instance.settings.http_port, hosts) as prober:
            yield Stage(instance, repository, prober)


@contextmanager
def several(count: int, **changes: object) -> Iterator[list[Stage]]:
    """So many stages, made and ended side by side."""
    entered: list[AbstractContextManager[Stage]] = []

    def enter(one: AbstractContextManager[Stage]) -> Stage:
        stage = one.__enter__()
        entered.append(one)
        return stage

    with ThreadPoolExecutor(count) as pool:
        coming = [pool.submit(enter, staged(**changes)) for _ in range(count)]
        wait(coming)
        try:
            yield [one.result() for one in coming]
        finally:
            list(pool.map(lambda one: one.__exit__(None, None, None), entered))
