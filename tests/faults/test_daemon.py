"""The daemon stopped, frozen, killed or replaced by a newer one, while apps go on."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.instance import REPOSITORY, Instance
from tests.faults import invariants
from tests.faults.stage import FILES, Stage, until
from tests.load.client import Mix
from tests.load.load import Load
from tests.load.stage import deployed as deployed_for_load
from tests.load.stage import target

LINES = 3000
# prints for two seconds, then ends
TALKER = f"""
import sys, time
for number in range({LINES}):
    print("line", number, flush=True)
    if number % 15 == 0:
        time.sleep(0.01)
sys.exit(9)
"""
WHOLE = [f"line {number}" for number in range(LINES)]
# streams and websockets that outlast a daemon, and requests all the while
OUTLASTING = Mix(
    new=1,
    kept=1,
    post=1,
    sockets=2,
    polls=2,
    socket_s=8.0,
    poll_s=5.0,
    upload_bytes=8 << 20,
    upload_bytes_per_s=2 << 20,
)
NEWER = '''"""One column more than the newest migration has."""

import sqlalchemy as sa
from alembic import op

revision = "{new}"
down_revision = "{old}"


def upgrade() -> None:
    op.add_column("apps", sa.Column("fashion", sa.String, nullable=True))
'''


def lines_of(instance: Instance, app: str, process: str) -> list[str]:
    """What a process wrote, as the log has it."""
    text = instance.ok("logs", app, "-p", process, "-n", str(2 * LINES))
    words = (line.partition(": ")[2] for line in text.splitlines())
    return [one for one in words if one.startswith("line ")]


def frozen(instance: Instance) -> None:
    """The daemon is there and does nothing, for as long as its apps talk and end."""
    assert instance.process is not None
    instance.process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    instance.process.send_signal(signal.SIGCONT)


def killed(instance: Instance) -> None:
    instance.kill()
    time.sleep(3)
    instance.start()


@pytest.mark.parametrize("gone", [frozen, killed])
def test_what_apps_say_and_how_they_end_while_the_daemon_is_gone_is_all_there(
    stage: Stage, gone: Callable[[Instance], None]
):
    instance, name = stage.instance, f"talker-{gone.__name__}"
    files = {**FILES, "talk.py": TALKER, "Procfile": "talk: exec python3 talk.py\n"}
    repository = instance.repository(name)
    instance.ok("apps:create", name)
    instance.ok("ps:set", name, "restart-policy", "no")
    instance.ok("checks:skip", name)
    instance.ok("ps:scale", name, "talk=1")
    repository.commit({**files, "name.txt": name, "page.txt": ""})
    assert repository.push().returncode == 0
    run = instance.ok("run:detached", name, "python3", "talk.py").strip()
    gone(instance)
    until(lambda: "exited with code 9" in instance.ok("ps:report", name))
    assert lines_of(instance, name, "talk") == WHOLE
    until(lambda: f"{run} exited with code 9" in instance.ok("logs", name, "-p", "paas"))
    assert lines_of(instance, name, "run") == WHOLE
    instance.ok("--force", "apps:destroy", name)
    assert [*invariants.check(instance), *stage.prober.take_failures()] == []


def test_whoever_follows_a_log_is_told_that_the_daemon_went_and_reads_on_later(stage: Stage):
    instance = stage.instance
    run = instance.ok("run:detached", stage.app, "sh", "-c", "echo one; sleep 2; echo two")
    follower = subprocess.Popen(
        [str(REPOSITORY / "bin" / "paas"), "logs", "-t", stage.app, "-p", "run"],
        env=instance.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert follower.stdout is not None
    while b"one" not in follower.stdout.readline():
        pass
    instance.kill()
    _, told = follower.communicate(timeout=30)
    assert follower.returncode == 1
    assert b"paasd went away" in told
    instance.start()
    until(lambda: "two" in instance.ok("logs", stage.app, "-p", "run"))
    until(lambda: run.strip() not in instance.ok("run:list", stage.app))
    assert [*invariants.check(instance), *stage.prober.take_failures()] == []


# -- a newer one ------------------------------------------------------------------------------


@contextmanager
def newer_checkout(directory: Path) -> Iterator[Path]:
    """A copy of the program with one migration more than this one has."""
    copy = directory / "newer"
    for name in ("paas", "bin", "hooks", "buildpacks", "nginx_templates"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, copy / name, ignore=ignored, symlinks=True)
    database = copy / "paas" / "store" / "database.py"
    old = database.read_text().partition('HEAD = "')[2][:4]
    new = f"{int(old) + 1:04}"
    database.write_text(database.read_text().replace(f'HEAD = "{old}"', f'HEAD = "{new}"'))
    versions = copy / "paas" / "store" / "migrations" / "versions"
    (versions / f"{new}_newer.py").write_text(NEWER.format(old=old, new=new))
    version = copy / "paas" / "version.py"
    version.write_text(version.read_text().replace('VERSION = "', 'VERSION = "9.'))
    yield copy
    shutil.rmtree(copy)


def processes(instance: Instance) -> set[int]:
    """The first processes of the apps' containers."""
    places = (instance.settings.run_dir / "containers").glob("*/container.json")
    every = [json.loads(path.read_text()) for path in places]
    return {one["pid"] for one in every if one["spec"]["kind"] == "app"}


def test_a_newer_daemon_takes_over_while_requests_streams_and_runs_go_on(stage: Stage):
    instance = stage.instance
    repository = deployed_for_load(instance, "busy", 1)
    instance.ok("checks:set", "busy", "wait-to-retire", "30")  # longer than uploads take
    running = Load({"busy": (target(instance, "busy"), OUTLASTING)})
    with newer_checkout(instance.root) as checkout:
        running.begin()
        try:
            until(lambda: len(running.record.exchanges) > 20)
            run = instance.ok("run:detached", "busy", "sh", "-c", "sleep 3; exit 5").strip()
            before = processes(instance)
            instance.stop()
            instance.checkout = checkout
            instance.start()
            assert instance.ok("version").startswith("paas version 9.")
            assert processes(instance) == before
            repository.deploy({"page.txt": "by the newer one"})
        finally:
            running.end()
        assert running.record.failures == []
        until(lambda: f"{run} exited with code 5" in instance.ok("logs", "busy", "-p", "paas"))
        instance.ok("--force", "apps:destroy", "busy")
        assert [*invariants.check(instance), *stage.prober.take_failures()] == []
        instance.stop()
        back(instance)
        instance.start()
    assert [*invariants.check(instance), *stage.prober.take_failures()] == []


def back(instance: Instance) -> None:
    """The older program refuses the newer database; with that gone back, it takes over again."""
    instance.checkout = REPOSITORY
    done = instance.paasd()
    assert done.returncode == 1
    assert b"install that version again" in done.stderr
    older = '"alembic_version" SET version_num = printf("%04d", version_num - 1)'
    subprocess.run(
        [
            *("sqlite3", str(instance.settings.state_dir / "paas.db")),
            f"ALTER TABLE apps DROP COLUMN fashion; UPDATE {older}",
        ],
        check=True,
    )
