"""Pushes of each language beside the app's own start, and new packages beside their installer."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paas.command import Runner
from paas.image.stack import Stack
from tests.bench.deploys import push_to_page
from tests.bench.measuring import Outcome, median, repeated
from tests.buildpacks.sandbox import APP_UID, APPS, Sandbox, files_of
from tests.conftest import own_settings
from tests.e2e.instance import Instance, Repository

OWN_START = """
import os, signal, subprocess, time, urllib.request
environment = {**os.environ, "PORT": "5999"}
began = time.perf_counter()
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
argv = ["/.paas/launch", %r]
app = subprocess.Popen(argv, env=environment, start_new_session=True, **quiet)
while True:
    try:
        urllib.request.urlopen("http://127.0.0.1:5999/").read()
        break
    except OSError:
        time.sleep(0.002)
print(time.perf_counter() - began)
os.killpg(app.pid, signal.SIGKILL)
"""


@dataclass(frozen=True)
class Sample:
    """A test app whose page is a text that one of its files holds."""

    folder: str
    path: str
    text: str
    web: str

    def files(self, text: str) -> dict[str, str]:
        """The app saying a text."""
        source = (APPS / self.folder / self.path).read_text()
        assert self.text in source
        return {self.path: source.replace(self.text, text)}


SAMPLES = {
    "python": Sample(
        "flask", "app.py", "Hello from Flask\\n", "gunicorn app:app --bind 0.0.0.0:$PORT"
    ),
    "nodejs": Sample("express", "server.js", "Hello from Express\\n", "node server.js"),
    "bun": Sample("bun", "index.ts", "Hello from Bun\\n", "bun index.ts"),
    "deno": Sample("deno", "greeting.ts", "Hello from ${name}\\n", "deno run -A main.ts"),
}
PAGE = "<!doctype html><title>{0}</title>"


def again(instance: Instance, language: str, runs: int) -> Outcome:
    """A push that changes only source, to the first page, above the app's own start."""
    if language == "static":
        repository = instance.repository("again")
        repository.deploy({"index.html": PAGE.format("first"), "about.html": "about"})
        web, source = ". /app/.static/start", lambda text: {"index.html": text}
    else:
        sample = SAMPLES[language]
        repository = instance.repository("again", APPS / sample.folder)
        repository.deploy()
        web, source = sample.web, sample.files

    def run(number: int) -> float:
        text = f"version {number}"
        repository.commit(source(text))
        return push_to_page(instance, repository, text)

    pushes = repeated(runs, run)
    starts = repeated(runs, lambda _: own_start(instance, "again", web))
    taken, own = median(pushes), median(starts)
    return Outcome(
        f"re-push, {language}, dependencies unchanged",
        "<= 1.2 s above the app's own start",
        f"{taken:.2f} s ({taken - own:.2f} s above {own:.2f} s)",
        f"{taken - own:.2f} of 1.2 s",
        taken - own <= 1.2,
        {"push": pushes, "own_start": starts},
    )


def own_start(instance: Instance, app: str, web: str) -> float:
    """Seconds the app itself needs to its first answer, in the same image and limits."""
    script = (OWN_START % web).encode()
    said = instance.ok("--quiet", "run", app, "--", "/usr/bin/python3", "-", stdin=script)
    return float(said.split()[-1])


# -- packages ------------------------------------------------------------------------------

SERVER = """
import http.server, os


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write({text!r}.encode())


http.server.HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""
TEN = (
    "django==5.2", "pillow==11.2.1", "psycopg[binary]==3.2.9", "gunicorn==23.0.0",
    "whitenoise==6.9.0", "requests==2.32.3", "celery==5.5.2", "redis==5.2.1",
    "djangorestframework==3.16.0", "python-dotenv==1.1.0",
)  # fmt: skip
# one more each run, none of which the ten need
PYTHON_MORE = ("flask==3.1.1", "fastapi==0.115.12", "rich==14.0.0", "pydantic==2.11.5",
               "sqlalchemy==2.0.41", "httpx==0.28.1", "jinja2==3.1.6", "lxml==5.4.0")  # fmt: skip
NODE_BASE = ("express@5.1.0", "pino@9.7.0", "zod@3.25.0", "date-fns@4.1.0")
NODE_MORE = ("lodash@4.17.21", "axios@1.9.0", "uuid@11.1.0", "ws@8.18.2", "ioredis@5.6.1",
             "knex@3.1.0", "rxjs@7.8.2", "dayjs@1.11.13")  # fmt: skip
TIMED = "began=$EPOCHREALTIME; {0} >/tmp/said 2>&1 || {{ cat /tmp/said; exit 1; }}; "
TIMED += 'python3 -c "import sys; print(float(sys.argv[2]) - float(sys.argv[1]))" '
TIMED += "$began $EPOCHREALTIME"
UV = "uv pip install --python /cache/venv/bin/python --compile-bytecode "


@contextmanager
def build_sandbox() -> Iterator[Sandbox]:
    """The stack that builds run in, for an installer alone."""
    stack = Stack(own_settings(), Runner())
    stack.ensure(lambda _: None)
    root = Path(tempfile.mkdtemp(prefix="paas-bench-", dir="/var/tmp"))
    root.chmod(0o755)
    layers = [stack.layers.path(layer) for layer in reversed(stack.build_layers)]
    try:
        yield Sandbox(root, layers)
    finally:
        shutil.rmtree(root)


def alone(sandbox: Sandbox, cache: Path, setting_up: str, command: str) -> float:
    """Seconds of a command in the build stack, after another that does not count."""
    script = f"cd /cache && {setting_up} >/dev/null 2>&1; {TIMED.format(command)}"
    environment = {
        "UV_CACHE_DIR": "/cache/uv",
        "UV_LINK_MODE": "copy",
        "npm_config_cache": "/cache/npm",
    }
    done = sandbox.run(
        ["bash", "-c", script],
        [],
        config=sandbox.fresh("config"),
        cache=cache,
        environment=environment,
    )
    assert done.status == 0, done.output
    return float(done.output.split()[-1])


def put(path: Path, text: str) -> None:
    """Write a file that the sandbox's user may change."""
    path.write_text(text)
    os.chown(path, APP_UID, APP_UID)


def ten(instance: Instance, runs: int) -> Outcome:
    """The first push of ten requirements above a push of the same app that installs none."""
    requirements = "\n".join(TEN) + "\n"

    def ours(number: int) -> float:
        repository = instance.repository(f"ten-{number}")
        files = {"requirements.txt": requirements, "Procfile": "web: python main.py\n"}
        repository.commit({**files, "main.py": SERVER.format(text="one")})
        with_packages = push_to_page(instance, repository, "one")
        return with_packages - source_only(instance, repository, number)

    with build_sandbox() as sandbox:

        def uv(number: int) -> float:
            cache = sandbox.fresh("cache")
            put(cache / "requirements.txt", requirements)
            return alone(sandbox, cache, "uv venv /cache/venv", f"{UV} -r requirements.txt")

        own, peer = in_turn(runs, ours, uv)
    taken, bound = median(own), median(peer)
    return Outcome(
        "ten requirements, nothing cached, above a push that installs none",
        "<= uv pip install alone + 1 s",
        f"{taken:.2f} s (uv alone {bound:.2f} s)",
        f"{taken - bound:+.2f} of +1.0 s",
        taken <= bound + 1.0,
        {"ours": own, "uv": peer},
    )


def source_only(instance: Instance, repository: Repository, number: int) -> float:
    text = f"source {number}"
    repository.commit({"main.py": SERVER.format(text=text)})
    return push_to_page(instance, repository, text)


def in_turn(runs: int, *errands: Callable[[int], float]) -> tuple[list[float], ...]:
    samples: tuple[list[float], ...] = tuple([] for _ in errands)
    for number in range(runs):
        for kept, errand in zip(samples, errands, strict=True):
            kept.append(errand(number))
    return samples


def one_more_python(instance: Instance, runs: int) -> Outcome:
    """A push that adds a requirement above one that adds none, beside uv adding the same."""
    repository = instance.repository("more")
    wanted = list(TEN)
    files = {"Procfile": "web: python main.py\n", "main.py": SERVER.format(text="first")}
    repository.deploy({**files, "requirements.txt": "\n".join(wanted) + "\n"})

    def ours(number: int) -> float:
        wanted.append(PYTHON_MORE[number])
        text = f"more {number}"
        repository.commit(
            {"requirements.txt": "\n".join(wanted) + "\n", "main.py": SERVER.format(text=text)}
        )
        return push_to_page(instance, repository, text) - source_only(instance, repository, number)

    with build_sandbox() as sandbox:
        cache = sandbox.fresh("cache")
        alone(sandbox, cache, "uv venv /cache/venv", f"{UV} {' '.join(TEN)}")

        def uv(number: int) -> float:
            return alone(sandbox, cache, "true", UV + PYTHON_MORE[number])

        own, peer = in_turn(min(runs, len(PYTHON_MORE)), ours, uv)
    return added("python", "uv pip install", own, peer)


def one_more_node(instance: Instance, runs: int) -> Outcome:
    """A push that adds a package above one that adds none, beside npm adding the same."""
    files = {name: data.decode() for name, data in files_of(APPS / "express").items()}
    repository = instance.repository("more")
    wanted = list(NODE_BASE)

    with build_sandbox() as sandbox:
        ours_cache, cache = sandbox.fresh("locks"), sandbox.fresh("cache")
        put(cache / "package.json", "{}")
        alone(sandbox, cache, "true", f"npm install {' '.join(NODE_BASE)}")
        repository.deploy({**files, **locked(sandbox, ours_cache, wanted)})
        sample = SAMPLES["nodejs"]

        def ours(number: int) -> float:
            wanted.append(NODE_MORE[number])
            text = f"more {number}"
            manifests = locked(sandbox, ours_cache, wanted)
            repository.commit({**manifests, **sample.files(text)})
            with_package = push_to_page(instance, repository, text)
            repository.commit(sample.files(f"source {number}"))
            return with_package - push_to_page(instance, repository, f"source {number}")

        def npm(number: int) -> float:
            return alone(sandbox, cache, "true", f"npm install {NODE_MORE[number]}")

        own, peer = in_turn(min(runs, len(NODE_MORE)), ours, npm)
    return added("nodejs", "npm install", own, peer)


def locked(sandbox: Sandbox, cache: Path, wanted: list[str]) -> dict[str, str]:
    """package.json and package-lock.json for these packages."""
    pairs = dict(item.rsplit("@", 1) for item in wanted)
    document = {"name": "more", "scripts": {"start": "node server.js"}, "dependencies": pairs}
    put(cache / "package.json", json.dumps(document))
    omit = "npm_config_omit_lockfile_registry_resolved=true"
    alone(sandbox, cache, "true", f"env {omit} npm install --package-lock-only --ignore-scripts")
    return {name: (cache / name).read_text() for name in ("package.json", "package-lock.json")}


def added(language: str, peer_name: str, own: list[float], peer: list[float]) -> Outcome:
    """The row for one package more."""
    taken, bound = median(own), median(peer)
    return Outcome(
        f"one package more, {language}, above a push that adds none",
        f"that package's {peer_name} alone + 1 s",
        f"{taken:.2f} s ({peer_name} alone {bound:.2f} s)",
        f"{taken - bound:+.2f} of +1.0 s",
        taken <= bound + 1.0,
        {"ours": own, "alone": peer},
    )
