"""A daemon that is killed, and a disk that is full, at every step of a backup and a restore."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from paas.settings import environment
from tests.backup import stage
from tests.backup.crafted import SOURCE, Crafted, crafted
from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN
from tests.faults import points
from tests.faults.case import SENTENCES, arm
from tests.faults.stage import until

# which points are passed before a restore is decided on, and which by a worker
BEFORE = {"check", "checked", "reserved", "unpack", "unpacked", "repository", "decide"}
IN_WORKERS = {"restore.check", "restore.unpack"}
SETTLES_S = 60.0
# every point is killed at; where a full disk takes another way than at its neighbours
FULL_AT = ("restore.unpack", "restore.repository", "restore.decide", "restore.decided",
           "restore.entry", "restore.finished")  # fmt: skip
KILLED_AT = (
    "backup.head", "backup.written",
    *(f"restore.{one}" for one in ("check", "reserved", "unpack", "repository", "decide", "decided",
                                   "layer", "place", "entry", "placed", "finished")),
)  # fmt: skip
ENOUGH = [(f"backup.{name}", "enospc") for name in ("refs", "layer", "end", "written")]
EVERY_POINT = environment("PAAS_EVERY_POINT") != ""


def chosen(
    operation: str, full: tuple[str, ...], killed: tuple[str, ...] | None = None
) -> list[tuple[str, str]]:
    """Points and what happens there; with PAAS_EVERY_POINT set, everything everywhere."""
    every = sorted(one for one in points.in_code() if one.partition(".")[0] == operation)
    if EVERY_POINT:
        return [(point, action) for point in every for action in ("kill", "enospc")]
    return [
        *((point, "kill") for point in every if killed is None or point in killed),
        *((point, "enospc") for point in every if point in full),
    ]


@pytest.fixture(scope="module")
def platform() -> Iterator[Instance]:
    with stage.instance(patrol_s=0.5) as made:
        yield made


@pytest.fixture(scope="module")
def backup(platform: Instance) -> Crafted:
    return crafted(platform.settings, platform.root / "crafted")


@pytest.fixture
def archive(platform: Instance, backup: Crafted) -> Iterator[Path]:
    """The archive; nothing that came of it is there before or after."""
    path = platform.root / "archive"
    path.write_bytes(backup.written())
    clear(platform)
    yield path
    arm(platform, "")
    clear(platform)


def clear(platform: Instance) -> None:
    for app in platform.json("apps:list"):  # type: ignore[attr-defined]
        platform.ok("--force", "apps:destroy", app)
    state = platform.settings.state_dir
    for folder in ("volumes", "certs"):
        shutil.rmtree(state / folder, ignore_errors=True)


def what_is_there(platform: Instance) -> set[str]:
    """Everything that a restore brings and that is here."""
    state = platform.settings.state_dir
    files = {
        "repository": state / "repos" / "down.git" / "refs",
        "certificate": state / "certs" / "down" / "server.key",
        "volume": state / "volumes" / "data" / "file",
        "layer": state / "layers" / SOURCE / "files" / "page.txt",
    }
    apps = platform.json("apps:list")
    assert isinstance(apps, list)
    return {name for name, path in files.items() if path.exists()} | set(apps)


EVERYTHING = {"repository", "certificate", "volume", "layer", "calm", "down"}


def settled(platform: Instance, expected: set[str]) -> list[str]:
    """What is not as it should be, given a while."""
    deadline = time.monotonic() + SETTLES_S
    while True:
        found = []
        if what_is_there(platform) != expected:
            found.append(f"there is {sorted(what_is_there(platform))}")
        state = platform.settings.state_dir
        left = [*(state / "restore").glob("*"), *(state / "repos").glob(".*")]
        found += [f"left: {path}" for path in left]
        if platform.ok("apps:list").count("down") and not expected:
            found.append("the app is listed")
        found += stage.leaks(platform) if not found else []
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def meets(platform: Instance, point: str, action: str, *words: str) -> subprocess.CompletedProcess:
    """Run a command into a fault; the daemon is up again afterwards."""
    arm(platform, f"{point}={action}")
    done = platform.paas(*words)
    assert platform.process is not None
    if action == "kill" and point.startswith(("restore.", "clone.")) and point not in IN_WORKERS:
        platform.process.wait(timeout=30)
        platform.start()
    else:
        arm(platform, "")
    return done


@pytest.mark.parametrize(("point", "action"), chosen("restore", FULL_AT, KILLED_AT))
def test_a_restore_that_meets_a_fault_comes_whole_or_not_at_all(
    platform: Instance, archive: Path, point: str, action: str
):
    done = meets(platform, point, action, "restore", str(archive))
    before = point.partition(".")[2] in BEFORE
    assert settled(platform, set() if before else EVERYTHING) == []
    if before:
        assert done.returncode != 0
        killed = "SIGKILL" if point in IN_WORKERS else "paasd went away"
        assert SENTENCES.get(action, killed) in done.stderr.decode()
        platform.ok("restore", str(archive))
    assert what_is_there(platform) == EVERYTHING
    assert platform.ok("config:get", "down", "A").strip() == "b"


@pytest.fixture(scope="module")
def restored(platform: Instance, backup: Crafted) -> Iterator[Path]:
    """Something to save, and a folder with an older backup in it."""
    clear(platform)
    platform.ok("restore", stdin=backup.written())
    target = platform.root / "target"
    target.mkdir()
    yield target
    clear(platform)


@pytest.mark.parametrize(("point", "action"), [*chosen("backup", (), KILLED_AT), *ENOUGH])
def test_a_backup_that_meets_a_fault_leaves_no_file(
    platform: Instance, restored: Path, point: str, action: str
):
    file = restored / "file"
    file.write_text("an older backup")
    arm(platform, f"{point}={action}")
    done = platform.paas("backup", str(file), "--with-images", "--with-logs")
    if action == "kill" and point == "backup.written":
        assert platform.process is not None
        platform.process.wait(timeout=30)
        platform.start()
    assert done.returncode != 0
    assert SENTENCES.get(action, "") in done.stderr.decode()
    assert [path.name for path in restored.iterdir()] == ["file"]
    assert file.read_text() == "an older backup"
    arm(platform, "")


def test_a_branch_that_was_about_to_move_has_moved_in_the_backup(
    platform: Instance, tmp_path: Path
):
    clear(platform)
    repository = platform.repository("moved")
    repository.deploy({**PLAIN, "page.txt": "one"})
    repository.commit({"page.txt": "two"})
    arm(platform, "landing.switched=delay:6")
    with ThreadPoolExecutor(1) as pool:
        pushed = pool.submit(repository.push)
        while platform.get("moved").text != "two":
            time.sleep(0.05)
        platform.ok("backup", str(tmp_path / "whole"))
        platform.ok("apps:clone", "--skip-deploy", "moved", "twin")
        assert pushed.result().returncode == 0
    assert stage.leaks(platform) == []
    here = repository.git("rev-parse", "main").stdout.strip()
    clear(platform)
    platform.ok("restore", str(tmp_path / "whole"))
    assert stage.leaks(platform) == []
    assert here in repository.git("ls-remote", "paas", "refs/heads/main").stdout
    clear(platform)


@contextmanager
def tiny_disk(place: Path) -> Iterator[Path]:
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_really_full_leaves_nothing_of_a_backup(platform: Instance, tmp_path: Path):
    volume = platform.settings.state_dir / "volumes" / "large"
    volume.mkdir(parents=True, exist_ok=True)
    (volume / "noise").write_bytes(os.urandom(1 << 20))
    with tiny_disk(tmp_path / "tiny") as tiny:
        done = platform.paas("backup", str(tiny / "file"))
        assert done.returncode != 0
        assert b"the disk is full" in done.stderr
        assert list(tiny.iterdir()) == []
    shutil.rmtree(volume)


def test_a_caller_who_leaves_ends_the_backup_and_nothing_is_left(
    platform: Instance, tmp_path: Path
):
    target = tmp_path / "target"
    target.mkdir()
    arm(platform, "backup.head=delay:60")
    argv = [str(stage.REPOSITORY / "bin" / "paas"), "backup", str(target / "file")]
    client = subprocess.Popen(argv, env=platform.environment, stderr=subprocess.PIPE)
    until(lambda: workers(platform))
    client.kill()
    client.communicate()
    until(lambda: not workers(platform))
    assert list(target.iterdir()) == []
    arm(platform, "")


def workers(platform: Instance) -> list[str]:
    """Processes that are at work on an archive for this instance's daemon."""
    assert platform.process is not None
    argv = ["pgrep", "--parent", str(platform.process.pid), "-f", "paas.backup"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.split()


@pytest.mark.parametrize(("point", "action"), chosen("clone", ("clone.repository",)))
def test_a_clone_that_meets_a_fault_is_there_whole_or_not_at_all(
    platform: Instance, archive: Path, point: str, action: str
):
    platform.ok("restore", str(archive))
    done = meets(platform, point, action, "apps:clone", "--skip-deploy", "down", "copy")
    assert done.returncode != 0
    there = {"copy"} if point == "clone.copied" else set()
    assert settled(platform, EVERYTHING | there) == []
    if there:
        assert platform.ok("config:get", "copy", "A").strip() == "b"
        platform.ok("--force", "apps:destroy", "copy")
    platform.ok("apps:clone", "--skip-deploy", "down", "copy")
    assert platform.ok("config:get", "copy", "A").strip() == "b"
