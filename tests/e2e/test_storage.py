"""Volumes on a real platform: files that outlive containers, shared, bounded, copied and gone."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e import images
from tests.e2e.instance import Instance
from tests.e2e.samples import SERVER

FILES = {"server.py": SERVER, "Procfile": "web: python3 server.py\nworker: sleep infinity\n"}


@pytest.fixture(scope="module")
def keeper(platform: Instance) -> str:
    """An app with a volume at /data that its processes and runs have."""
    platform.ok("storage:create", "data")
    platform.repository("keeper").deploy(FILES)
    platform.ok("storage:mount", "keeper", "data", "--container-dir", "/data")
    platform.ok("ps:restart", "keeper")
    return "keeper"


@pytest.fixture(scope="module")
def sharer(platform: Instance, keeper: str) -> str:
    """Another app that sees one folder of that volume, and may not write to it."""
    inside(platform, keeper, "mkdir -p /data/public && echo shared > /data/public/page")
    platform.ok("apps:create", "sharer")
    options = ("--volume-subpath", "public", "--volume-readonly", "--volume-options", "noexec")
    platform.ok("storage:mount", "sharer", "data", "--container-dir", "/shared", *options)
    platform.ok("storage:mount", "sharer", "data", "--container-dir", "/all",
                "--process-type", "worker", "--phase", "deploy")  # fmt: skip
    platform.repository("sharer").deploy(FILES)
    platform.ok("ps:scale", "sharer", "worker=1")
    return "sharer"


def inside(platform: Instance, app: str, script: str, process: str = "web") -> str:
    return platform.ok("enter", app, process, "sh", "-c", script)


def fails_inside(platform: Instance, app: str, script: str, process: str = "web") -> str:
    done = platform.paas("enter", app, process, "sh", "-c", script)
    assert done.returncode != 0
    return done.stderr.decode()


# -- files -----------------------------------------------------------------------------------


def test_files_outlive_containers_and_releases(platform: Instance, keeper: str):
    inside(platform, keeper, "echo kept > /data/file")
    platform.ok("ps:restart", keeper)
    assert inside(platform, keeper, "cat /data/file") == "kept\n"
    platform.ok("config:set", keeper, "CHANGED=yes")
    assert platform.ok("run", keeper, "--", "cat", "/data/file") == "kept\n"


def test_an_apps_user_owns_what_it_writes_and_the_server_sees_nobodys_files(
    platform: Instance, keeper: str
):
    inside(platform, keeper, "touch /data/mine")
    owner = (platform.settings.state_dir / "volumes/data/mine").stat().st_uid
    assert inside(platform, keeper, "stat -c %u /data/mine") == "1000\n"
    assert owner == platform.settings.common_uids + 1000


def test_apps_share_a_folder_of_a_volume_and_those_who_may_not_write_cannot(
    platform: Instance, keeper: str, sharer: str
):
    assert inside(platform, sharer, "cat /shared/page; stat -c %u /shared/page") == "shared\n1000\n"
    inside(platform, keeper, "echo news > /data/public/page")
    assert inside(platform, sharer, "cat /shared/page") == "news\n"
    for script in ("echo x > /shared/page", "rm /shared/page", "touch /shared/new"):
        assert "Read-only file system" in fails_inside(platform, sharer, script)
    inside(platform, keeper, "cp /bin/true /data/public/true")
    assert "Permission denied" in fails_inside(platform, sharer, "/shared/true")


def test_a_mount_is_for_its_process_type_and_phase_alone(platform: Instance, sharer: str):
    assert "page" in inside(platform, sharer, "ls /all/public", "worker")
    inside(platform, sharer, "! ls /all")
    platform.ok("run", sharer, "--", "sh", "-c", "! ls /all && ls /shared/page")


def test_nothing_on_a_volume_sets_ids_or_is_a_device(platform: Instance, keeper: str, sharer: str):
    flags = inside(platform, keeper, "grep ' /data ' /proc/self/mounts").split()[3].split(",")
    assert {"nosuid", "nodev", "rw"} <= set(flags)
    flags = inside(platform, sharer, "grep ' /shared ' /proc/self/mounts").split()[3].split(",")
    assert {"nosuid", "nodev", "noexec", "ro"} <= set(flags)
    exec_ = ("storage:exec", "data", "--", "sh", "-c")
    script = (
        "cp /usr/bin/id /data/id; chown 0 /data/id; chmod 4755 /data/id; stat -c %u:%a /data/id"
    )
    assert platform.ok(*exec_, script) == "0:4755\n"
    assert inside(platform, keeper, "/data/id -u") == "1000\n"
    done = platform.paas(*exec_, "mknod /data/disk b 254 0")
    assert b"Operation not permitted" in done.stderr
    real = platform.settings.state_dir / "volumes/data/id"
    assert real.stat().st_uid == platform.settings.common_uids


def test_a_link_in_a_volume_mounts_nothing_of_the_server(platform: Instance, keeper: str):
    """The app makes its folder a link between the order to mount it and the start."""
    platform.ok("storage:create", "trap")
    platform.ok("storage:mount", keeper, "trap", "--container-dir", "/trap")
    platform.ok("storage:exec", "trap", "--", "mkdir", "/data/sub")
    platform.ok("storage:unmount", keeper, "trap")
    platform.ok("storage:mount", keeper, "trap", "--container-dir", "/trap",
                "--volume-subpath", "sub")  # fmt: skip
    platform.ok("storage:exec", "trap", "--", "sh", "-c", "rmdir /data/sub; ln -s /etc /data/sub")
    done = platform.paas("ps:restart", keeper)
    assert done.returncode == 1
    assert b"is a link, or lies behind one" in done.stderr
    assert platform.get(keeper).status_code == 200
    platform.ok("storage:unmount", keeper, "trap")
    platform.ok("ps:restart", keeper)
    platform.ok("--force", "storage:destroy", "trap", "--destroy-host-dir")


# -- folders of the server -------------------------------------------------------------------


def test_a_folder_of_the_server_is_mounted_in_dokkus_older_form(platform: Instance, keeper: str):
    (root,) = platform.settings.storage_roots
    platform.ok("storage:ensure-directory", keeper)
    folder = Path(root) / keeper
    (folder / "hosts").write_text("from the server")
    platform.ok("storage:mount", keeper, f"{folder}:/host")
    text = platform.ok("run", keeper, "--", "sh", "-c", "cat /host/hosts; echo app > /host/apps")
    assert text == "from the server"
    assert (folder / "apps").read_text() == "app\n"
    assert (folder / "apps").stat().st_uid == 1000
    platform.ok("storage:unmount", keeper, f"{folder}:/host")


# -- sizes -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sized(platform: Instance, keeper: str) -> str:
    """A volume of 32 MiB, at /sized of an app."""
    platform.ok("storage:create", "sized", "--size", "32m")
    platform.ok("storage:mount", keeper, "sized", "--container-dir", "/sized")
    platform.ok("ps:restart", keeper)
    return "sized"


def test_a_volume_of_a_size_is_full_when_it_is_and_nobody_else_notices(
    platform: Instance, keeper: str, sized: str
):
    said = fails_inside(platform, keeper, "dd if=/dev/zero of=/sized/big bs=1M count=200")
    assert "No space left on device" in said
    assert "Read-only" not in fails_inside(platform, keeper, "yes > /sized/more")
    inside(platform, keeper, "echo still > /data/file")
    used = platform.json("storage:info", sized)["used_bytes"]  # type: ignore[call-overload]
    assert 20 << 20 < used <= 32 << 20
    inside(platform, keeper, "rm /sized/*; echo small > /sized/small")
    assert inside(platform, keeper, "cat /sized/small") == "small\n"


def test_a_volume_grows_and_never_shrinks(platform: Instance, keeper: str, sized: str):
    inside(platform, keeper, "echo small > /sized/small")
    said = platform.paas("storage:set", sized, "size", "16m").stderr.decode()
    assert "never shrinks" in said
    done = platform.paas("storage:set", sized, "size", "64m")
    if done.returncode:  # where root may not grow a filesystem in use
        assert b"CAP_SYS_RESOURCE" in done.stderr
        platform.ok("ps:stop", keeper)
        platform.ok("storage:set", sized, "size", "64m")
        platform.ok("ps:start", keeper)
    assert int(inside(platform, keeper, "df -m --output=size /sized | tail -1")) > 48
    assert inside(platform, keeper, "cat /sized/small") == "small\n"


# -- copies ----------------------------------------------------------------------------------

# two files, one after the other: a copy of one moment never has a later second one
WRITER = """
import os
for n in range(1 << 40):
    for name in ("a", "b"):
        with open(f"/copied/.{name}", "w") as file:
            file.write(str(n))
            file.flush()
            os.fsync(file.fileno())
        os.rename(f"/copied/.{name}", f"/copied/{name}")
"""


@contextmanager
def writing(platform: Instance, app: str) -> Iterator[None]:
    """Something in the app's container that writes all the time."""
    client = [str(platform.checkout / "bin" / "paas"), "enter", app, "web", "python3", "-c", WRITER]
    child = subprocess.Popen(client, env=platform.environment, stdin=subprocess.PIPE)
    try:
        wait(lambda: "b" in inside(platform, app, "ls /copied").split())
        yield
    finally:
        child.terminate()
        child.wait()


def wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("size", [(), ("--size", "64m")], ids=["folder", "disk"])
def test_a_snapshot_is_of_one_moment_and_is_gone_back_to(
    platform: Instance, keeper: str, size: tuple[str, ...]
):
    name = "copied-disk" if size else "copied"
    platform.ok("storage:create", name, *size)
    platform.ok("storage:mounts:clear", keeper)
    platform.ok("storage:mount", keeper, name, "--container-dir", "/copied")
    platform.ok("ps:restart", keeper)
    inside(platform, keeper, "ln -s /etc/passwd /copied/link; mkfifo /copied/pipe; "
           "echo one > /copied/twin1; ln /copied/twin1 /copied/twin2")  # fmt: skip
    with writing(platform, keeper):
        platform.ok("storage:snapshot", name, "first")
    assert platform.get(keeper).status_code == 200
    busy = platform.paas("--force", "storage:restore", name, "first").stderr.decode()
    assert f"while web.1 of {keeper}" in busy
    platform.ok("storage:clone", name, f"{name}-clone", "--snapshot", "first")
    script = "stat -c '%F %h' link pipe twin1; cat a; echo; cat b"
    found = platform.ok("storage:exec", f"{name}-clone", "--", "sh", "-c", script).splitlines()
    assert found[:3] == ["symbolic link 1", "fifo 1", "regular file 2"]
    first, second = (int(text or 0) for text in found[3:5])
    assert 0 <= first - second <= 1  # no write of b is there without the one of a before it
    platform.ok("ps:stop", keeper)
    platform.ok("storage:exec", name, "--", "sh", "-c", "rm -r /data/*; echo later > /data/later")
    platform.ok("--force", "storage:restore", name, "first")
    platform.ok("ps:start", keeper)
    listed = ["one", "a", "b", "link", "pipe", "twin1", "twin2"]
    assert inside(platform, keeper, "cat /copied/twin2; ls /copied").split() == listed
    rows = platform.json("storage:snapshots", name)
    assert [row["name"] for row in rows] == ["first"]  # type: ignore[index]
    platform.ok("--force", "storage:snapshot-destroy", name, "first")
    platform.ok("storage:mounts:clear", keeper)
    platform.ok("storage:mount", keeper, "data", "--container-dir", "/data")
    platform.ok("ps:restart", keeper)
    for one in (name, f"{name}-clone"):
        platform.ok("--force", "storage:destroy", one, "--destroy-host-dir")
    left = [*(platform.settings.state_dir / "snapshots").glob(f"{name}/*")]
    assert left == []


def test_a_copy_waits_for_no_writer_and_none_is_left_held(platform: Instance, keeper: str):
    """Held still only while it is copied: requests and writes go on afterwards."""
    platform.ok("storage:snapshot", "data", "quick")
    assert platform.get(keeper).text
    inside(platform, keeper, "echo after > /data/file && cat /data/file")
    platform.ok("--force", "storage:snapshot-destroy", "data", "quick")


# -- exec ------------------------------------------------------------------------------------


def test_a_command_runs_with_the_volume_alone(platform: Instance, keeper: str):
    done = platform.paas("storage:exec", "data", "--", "sh", "-c", "id -u; pwd; exit 42")
    assert (done.returncode, done.stdout) == (42, b"0\n/data\n")
    done = platform.paas("storage:exec", "--as-user", "1500", "data", "--", "id", "-u")
    assert done.stdout == b"1500\n"
    over = platform.ssh("storage:exec", "data", "--", "cat", stdin=b"given\n")
    assert over.stdout == b"given\n"
    assert "storage" not in {one["app"] for one in platform.json("containers:list")}  # type: ignore[attr-defined,index]


def test_a_command_runs_in_a_container_of_an_image(platform: Instance, keeper: str):
    """Past its entrypoint, with its variables, and by the rules that hold without an image."""
    inside(platform, keeper, "echo shown > /data/shown")
    archive = images.archive(Entrypoint=["/bin/false"], Env=["PATH=/bin", "OF=image"], User="1000")
    platform.ok("images:import", "tools:1", stdin=archive)
    of_image = ("storage:exec", "--image", "tools:1")
    script = "id -u; pwd; echo $OF; cat shown; ls /www; touch /data/made"
    said = platform.ok(*of_image, "data", "--", "sh", "-c", script)
    assert said == "0\n/data\nimage\nshown\nindex.html\n"
    assert inside(platform, keeper, "stat -c %u /data/made") == "0\n"
    assert platform.ok(*of_image, "--as-user", "1500", "data", "--", "id", "-u") == "1500\n"
    shell = platform.paas(*of_image, "data", stdin=b"ls /bin/busybox; exit 7\n")
    assert (shell.returncode, shell.stdout) == (7, b"/bin/busybox\n")
    done = platform.paas("storage:exec", "--image", "nothing:1", "data", "--", "id")
    assert (done.returncode, b"no image nothing:1" in done.stderr) == (1, True)
    platform.ok("images:remove", "tools:1")


def test_a_command_runs_in_a_container_of_an_apps_release(platform: Instance, keeper: str):
    script = "cat /app/Procfile; echo ${MODE-none}; pwd"
    platform.ok("config:set", keeper, "MODE=secret")
    for image in (keeper, f"{keeper}:v1", f"paas/app/{keeper}"):
        said = platform.ok("storage:exec", "--image", image, "data", "--", "sh", "-c", script)
        assert said == f"{FILES['Procfile']}none\n/data\n"


# -- ends ------------------------------------------------------------------------------------


def test_a_volume_stays_when_its_app_is_renamed_and_when_it_ends(platform: Instance):
    platform.ok("storage:create", "stays")
    platform.repository("brief").deploy({"index.html": "x"})
    platform.ok("storage:mount", "brief", "stays", "--container-dir", "/data")
    platform.ok("ps:restart", "brief")
    inside(platform, "brief", "echo kept > /data/file")
    platform.ok("apps:rename", "brief", "short")
    assert inside(platform, "short", "cat /data/file") == "kept\n"
    platform.ok("gc")
    platform.ok("--force", "apps:destroy", "short")
    assert platform.ok("storage:exec", "stays", "--", "cat", "file") == "kept\n"
    platform.ok("--force", "storage:destroy", "stays", "--destroy-host-dir")
    assert not (platform.settings.state_dir / "volumes/stays").exists()


def test_the_disk_that_volumes_take_is_told(platform: Instance, keeper: str):
    inside(platform, keeper, "dd if=/dev/urandom of=/data/large bs=1M count=8")
    assert platform.json("disk")["volumes_bytes"] >= 8 << 20  # type: ignore[call-overload]
    inside(platform, keeper, "rm /data/large")


def test_the_report_of_an_app_says_what_it_has(platform: Instance, keeper: str):
    report = json.loads(platform.ok("storage:report", keeper, "--format", "json"))
    folder = platform.settings.state_dir / "volumes/data"
    assert f"-v {folder}:/data" in report["deploy-mounts"]
    assert report["storage-build-mounts"] == ""
    everything = platform.json("storage:report", "--global")
    assert "keeper" in everything["data"]  # type: ignore[call-overload,index]
