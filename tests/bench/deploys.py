"""Pushes of a small Flask app, from the push's first moment to the first page."""

import subprocess
import time

import requests

from tests.bench.measuring import Outcome, median, repeated
from tests.e2e.instance import Instance, Repository

APP = """from flask import Flask

app = Flask(__name__)


@app.get("/")
def page():
    return {text!r}
"""
FILES = {"requirements.txt": "flask\ngunicorn\n", "Procfile": "web: gunicorn app:app\n"}
OWN_START = """
import subprocess, time, urllib.request
began = time.perf_counter()
app = subprocess.Popen(["gunicorn", "app:app", "-b", "127.0.0.1:5999"], stdout=-3, stderr=-3)
while True:
    try:
        urllib.request.urlopen("http://127.0.0.1:5999/").read()
        break
    except OSError:
        time.sleep(0.002)
print(time.perf_counter() - began)
app.terminate()
"""


def push_to_page(instance: Instance, repository: Repository, text: str) -> float:
    """Seconds from the start of the push to the first page with the text."""
    session = requests.Session()
    url = f"http://127.0.0.1:{instance.settings.http_port}/"
    headers = {"Host": f"{repository.app}.{instance.settings.domain}"}
    argv = ["git", "-C", str(repository.path), "push", "-q", "paas", "main"]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(instance.home),
        "GIT_SSH_COMMAND": " ".join(instance.ssh_command),
    }
    began = time.perf_counter()
    with subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE) as push:
        while time.perf_counter() - began < 120:
            if page(session, url, headers) == text:
                taken = time.perf_counter() - began
                break
            time.sleep(0.004)
        else:
            raise AssertionError("the page never came")
        _, said = push.communicate(timeout=120)
        assert push.returncode == 0, said.decode()
    return taken


def page(session: requests.Session, url: str, headers: dict[str, str]) -> str | None:
    """What the app says; None while it has no version that answers (its host is unknown then)."""
    try:
        answer = session.get(url, headers=headers, timeout=30)
    except requests.ConnectionError:
        return None
    return answer.text if answer.status_code == 200 else None


def own_start(instance: Instance, app: str) -> float:
    """Seconds the app itself needs to its first answer, in the same image and limits."""
    script = OWN_START.strip().encode()
    said = instance.ok("--quiet", "run", app, "--", "python", "-", stdin=script)
    assert said.strip(), f"nothing was said; the daemon: {instance.daemon_log()[-2000:]}"
    return float(said.split()[-1])


def again(instance: Instance, runs: int) -> Outcome:
    """A push that changes only source."""
    repository = instance.repository("again")
    repository.deploy({**FILES, "app.py": APP.format(text="first")})

    def run(number: int) -> float:
        text = f"version {number}"
        repository.commit({"app.py": APP.format(text=text)})
        return push_to_page(instance, repository, text)

    pushes = repeated(runs, run)
    starts = repeated(runs, lambda _: own_start(instance, "again"))
    taken, own = median(pushes), median(starts)
    return Outcome(
        "re-push, dependencies unchanged, to the first 200",
        "<= 1.0 s, <= 0.5 s above the app's own start",
        f"{taken:.2f} s ({taken - own:.2f} s above {own:.2f} s)",
        f"{taken:.2f} of 1.0 s",
        taken <= 1.0 and taken - own <= 0.5,
        {"push": pushes, "own_start": starts},
    )


def first(instance: Instance, runs: int) -> Outcome:
    """A new app's first push; a comment makes its dependency layer one that has to be built."""

    def run(number: int) -> float:
        repository = instance.repository(f"first-{number}")
        requirements = f"# {number} {time.time()}\nflask\ngunicorn\n"
        text = f"first {number}"
        repository.commit(
            {**FILES, "requirements.txt": requirements, "app.py": APP.format(text=text)}
        )
        return push_to_page(instance, repository, text)

    run(99)  # fills the package cache
    pushes = repeated(runs, run)
    taken = median(pushes)
    return Outcome(
        "first push, warm package cache, to the first 200", "<= 3 s", f"{taken:.2f} s",
        f"{taken:.2f} of 3.0 s", taken <= 3.0, {"push": pushes},
    )  # fmt: skip
