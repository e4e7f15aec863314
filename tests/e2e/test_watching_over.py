"""What is watched of an app after its deploy, and who is told when a check fails."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.e2e.instance import Instance
from tests.e2e.test_no_request_lost import DRAIN_S, load
from tests.load.client import Mix
from tests.load.stage import APP_FILES

# well until it is told to be sick; keeps what it is told at /told
SERVER = """
import http.server, os, pathlib

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/sicken":
            pathlib.Path("/tmp/sick").touch()
        sick = self.path == "/live" and os.path.exists("/tmp/sick")
        told = pathlib.Path("/tmp/told")
        text = told.read_text() if self.path == "/told" and told.exists() else os.environ["MARK"]
        self.say(500 if sick else 200, text)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        pathlib.Path("/tmp/told").write_bytes(body)
        self.say(204, "")

    def say(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""
LIVE = {"type": "liveness", "name": "pulse", "path": "/live", "attempts": 2, "wait": 1}


def files(**checks: list[dict[str, object]]) -> dict[str, str]:
    return {
        "server.py": SERVER,
        "Procfile": "web: exec python3 server.py\nworker: sleep 1000\n",
        "app.json": json.dumps(
            {"healthchecks": checks, "formation": {"worker": {"quantity": len(checks) - 1}}}
        ),
    }


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)


def only_container(platform: Instance, app: str, process: str = "web") -> dict[str, str]:
    found = [one for one in platform.json("ps:inspect", app) if one["process"] == process]  # type: ignore[attr-defined]
    return found[0] if len(found) == 1 else {}


def test_a_process_that_fails_its_liveness_check_is_replaced(platform: Instance):
    platform.ok("apps:create", "pulse")
    platform.ok("config:set", "pulse", "MARK=well")
    platform.repository("pulse").deploy(files(web=[LIVE]))
    assert "pulse: GET /live" in platform.ok("checks:report", "pulse")
    first = only_container(platform, "pulse")["id"]
    assert platform.get("pulse", "/sicken").status_code == 200
    until(lambda: only_container(platform, "pulse").get("id") not in (None, first))
    assert platform.get("pulse", "/live").status_code == 200
    until(lambda: platform.json("ps:report", "pulse")["status-web.1"].endswith("1 restart"))  # type: ignore[index]
    words = "web.1 failed its liveness check (pulse) 2 times: GET /live answered with status 500"
    assert words in platform.ok("logs", "pulse")
    assert words in platform.ok("events", "--app", "pulse")


def test_nobody_notices_that_a_process_is_replaced(platform: Instance):
    platform.ok("apps:create", "unnoticed")
    repository = platform.repository("unnoticed")
    live = {**LIVE, "path": "/", "content": "this is in no answer", "attempts": 1}
    platform.ok("checks:set", "unnoticed", "wait-to-retire", str(DRAIN_S))
    repository.deploy({**APP_FILES, "app.json": json.dumps({"healthchecks": {"web": [live]}})})
    with load(platform, unnoticed=Mix(polls=2, poll_s=1.0, uploads=0, socket_s=2.0)) as running:
        until(lambda: len({one.process for one in running.record.exchanges[:]} - {""}) >= 3, 60)
    assert running.record.failures == []


def test_where_nothing_may_be_restarted_it_is_only_told(platform: Instance):
    platform.ok("apps:create", "untouched")
    platform.ok("config:set", "untouched", "MARK=well")
    platform.repository("untouched").deploy(files(web=[LIVE]))
    platform.ok("ps:set", "untouched", "restart-policy", "no")
    first = only_container(platform, "untouched")["id"]
    platform.get("untouched", "/sicken")
    until(lambda: "it stays, as the restart policy says" in platform.ok("logs", "untouched"))
    assert only_container(platform, "untouched")["id"] == first


# -- who is told -----------------------------------------------------------------------


def failing(url: str) -> list[dict[str, object]]:
    """A check of the worker that fails, and whom to tell."""
    return [{"name": "hope", "command": ["false"], "attempts": 1, "onFailure": {"url": url}}]


def test_a_failed_check_is_told_to_a_url(platform: Instance):
    platform.ok("apps:create", "telling")
    platform.ok("config:set", "telling", "MARK=well")
    repository = platform.repository("telling")
    repository.deploy(files(web=[]))
    address = only_container(platform, "telling")["address"]
    platform.ok("ps:scale", "telling", "--skip-deploy", "worker=1")
    url = f"http://{address}:5000/told"
    output = repository.fail(files(web=[], worker=failing(url)))
    assert f"Calling {url}: onFailure of hope" in output
    told = json.loads(platform.get("telling", "/told").text)
    assert told["app"] == "telling"
    assert (told["process"], told["release"], told["check"]) == ("worker.1", "v2", "hope")
    assert "worker.1 failed its health check (hope) once" in told["problem"]


@contextmanager
def canary() -> Iterator[tuple[int, list[str]]]:
    """A service of the host's, and who came."""
    came: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.client_address[0])
            self.send_response(200)
            self.end_headers()

    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, came
    finally:
        server.shutdown()
        server.server_close()


def test_a_url_leads_nowhere_the_app_itself_may_not_go(platform: Instance):
    repository = platform.repository("reaching")
    gateway = platform.settings.subnet(1)[1]
    with canary() as (port, came):
        for url in (
            f"http://{gateway}:{port}/",
            f"http://127.0.0.1:{port}/",
            "http://169.254.169.254/latest/meta-data/",
            f"http://localhost:{platform.settings.http_port}/",
        ):
            output = repository.fail(files(web=[], worker=failing(url)))
            assert f"{url} could not be called" in output
    assert came == []


def test_a_url_of_another_kind_is_refused_before_anything_is_built(platform: Instance):
    output = platform.repository("kinds").fail(files(web=[], worker=failing("file:///etc/passwd")))
    assert "app.json: healthchecks.worker[0].onFailure.url must be an http:// or https://" in output
