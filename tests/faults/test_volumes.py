"""Volumes through whatever happens: the daemon killed, a full disk, a reboot."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paas.image import mounts
from tests.e2e.instance import Instance
from tests.faults import invariants
from tests.faults.case import arm
from tests.faults.stage import Done, Stage, died, until

PLACES = ("kept", "sized")
# what is done, to which kind of volume, and where it is interrupted
COMMANDS = {
    "snapshot": ("storage:snapshot", "{name}", "half"),
    "clone": ("storage:clone", "{name}", "{name}-half"),
    "restore": ("--force", "storage:restore", "{name}", "whole"),
}
CASES = [
    ("snapshot", "volume.still", "kill", "kept"), ("snapshot", "volume.still", "kill", "sized"),
    ("snapshot", "volume.copied", "enospc", "kept"), ("clone", "volume.still", "enospc", "sized"),
    ("clone", "volume.cloned", "kill", "kept"), ("restore", "volume.restored", "kill", "kept"),
    ("restore", "volume.restored", "kill", "sized"),
]  # fmt: skip


@pytest.fixture(scope="module")
def volumes(stages: list[Stage]) -> Iterator[Instance]:
    """Two volumes with a file and a snapshot each, which the first stage's app has."""
    stage = stages[0]
    instance = stage.instance
    for name in PLACES:
        instance.ok("storage:create", name, *(("--size", "16m") if name == "sized" else ()))
        instance.ok("storage:exec", name, "--", "sh", "-c", f"echo {name} > /data/file")
        instance.ok("storage:snapshot", name, "whole")
        instance.ok("storage:mount", stage.app, name, "--container-dir", f"/{name}")
    instance.ok("ps:restart", stage.app)
    yield instance
    instance.ok("storage:mounts:clear", stage.app)
    instance.ok("ps:restart", stage.app)
    for name in PLACES:
        instance.ok("--force", "storage:destroy", name, "--destroy-host-dir")


def content(stage: Stage, name: str) -> str:
    return stage.instance.ok("enter", stage.app, "web", "cat", f"/{name}/file")


def left_behind(instance: Instance) -> list[str]:
    """What is half made, mounted twice, or held still."""
    state = instance.settings.state_dir
    folders = [state / "volumes", state / "disks", *(state / "snapshots").glob("*")]
    found = [str(path) for folder in folders for path in folder.glob(".*")]
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    ours = sorted(point for point in points if point.startswith(f"{state}/volumes/"))
    return found + [point for point in set(ours) if ours.count(point) > 1]


def do(volumes: Instance, verb: str, name: str) -> Done:
    return volumes.paas(*(word.format(name=name) for word in COMMANDS[verb]))


def undo(stage: Stage, volumes: Instance, verb: str, name: str) -> None:
    """See that what was made is whole, and remove it."""
    if verb == "snapshot":
        volumes.ok("--force", "storage:snapshot-destroy", name, "half")
    elif verb == "clone":
        copied = volumes.ok("storage:exec", f"{name}-half", "--", "cat", "file")
        assert copied == f"{name}\n"
        volumes.ok("--force", "storage:destroy", f"{name}-half", "--destroy-host-dir")
    else:
        volumes.ok("ps:start", stage.app)


@pytest.mark.parametrize(("verb", "point", "action", "name"), CASES)
def test_an_interrupted_copy_is_there_whole_or_not_at_all(
    stage: Stage, volumes: Instance, verb: str, point: str, action: str, name: str
):
    if verb == "restore":
        volumes.ok("ps:stop", stage.app)
    arm(volumes, f"{point}={action}")
    assert do(volumes, verb, name).returncode != 0
    if action == "kill":
        died(volumes)
        volumes.start()
    else:
        arm(volumes, "")
    until(lambda: left_behind(volumes) == [])
    if verb != "restore":  # what has it goes on, and nothing of it is held still
        text = f"echo {name} > /{name}/file; cat /{name}/file"
        assert volumes.ok("enter", stage.app, "web", "sh", "-c", text) == f"{name}\n"
    done = do(volumes, verb, name)
    assert done.returncode == 0, done.stderr
    undo(stage, volumes, verb, name)
    assert content(stage, name) == f"{name}\n"
    assert left_behind(volumes) == []
    assert invariants.check(volumes) == []


def test_what_runs_keeps_its_volumes_while_the_daemon_is_killed(stage: Stage, volumes: Instance):
    volumes.kill()
    volumes.start()
    for name in PLACES:
        assert content(stage, name) == f"{name}\n"


def test_after_a_reboot_every_volume_is_there_again(stage: Stage, volumes: Instance):
    volumes.ok("storage:create", "idle", "--size", "16m")
    volumes.stop()
    volumes.halt()
    state = volumes.settings.state_dir
    assert f"{state}/volumes" not in Path("/proc/self/mounts").read_text()
    assert mounts.device_at(state / "volumes" / "sized") is None
    volumes.start()
    assert mounts.device_at(state / "volumes" / "idle") is not None  # backups go through it
    volumes.ok("--force", "storage:destroy", "idle", "--destroy-host-dir")
    until(lambda: volumes.paas("enter", stage.app, "web", "true").returncode == 0)
    for name in PLACES:
        assert content(stage, name) == f"{name}\n"


def test_files_of_a_volume_that_come_without_its_disk_get_one(stage: Stage, volumes: Instance):
    """As a restored backup leaves them; also when the daemon dies in the midst of it."""
    volumes.ok("storage:create", "came", "--size", "16m")
    volumes.ok("storage:exec", "came", "--", "sh", "-c", "echo here > file; ln -s file link")
    volumes.stop()
    state = volumes.settings.state_dir
    while mounts.unmount(state / "volumes" / "came"):
        pass
    (state / "disks" / "came.ext4").unlink()
    (state / "volumes" / "came" / "file").write_text("restored\n")
    volumes.variables["PAAS_FAILPOINTS"] = "volume.coming=kill"
    volumes.launch()
    died(volumes)
    volumes.variables["PAAS_FAILPOINTS"] = "on"
    volumes.start()
    assert volumes.ok("storage:exec", "came", "--", "cat", "file") == "restored\n"
    assert mounts.device_at(state / "volumes" / "came") is not None
    until(lambda: left_behind(volumes) == [])
    volumes.ok("--force", "storage:destroy", "came", "--destroy-host-dir")
