"""Copies between containers and callers, also hostile ones; what containers take, live."""

import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any, cast

import pexpect
import pytest

from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN

APP = "copied"


@pytest.fixture(scope="module", autouse=True)
def app(platform: Instance) -> str:
    platform.ok("apps:create", APP)
    platform.ok("config:set", "--no-restart", APP, "PATH=/tmp/bin:/usr/local/bin:/usr/bin:/bin")
    platform.repository(APP).deploy(PLAIN)
    return APP


def inside(platform: Instance, line: str) -> str:
    return platform.ok("enter", APP, "web", "sh", "-c", line)


def tar_of(files: dict[str, bytes]) -> bytes:
    sheet = io.BytesIO()
    with tarfile.open(fileobj=sheet, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.uid, member.mode = len(data), 0, 0o644
            archive.addfile(member, io.BytesIO(data))
    return sheet.getvalue()


def test_files_and_directories_go_both_ways_by_path(platform: Instance, tmp_path: Path):
    (tmp_path / "tree/deep").mkdir(parents=True)
    data = os.urandom(1 << 20)
    (tmp_path / "tree/deep/data").write_bytes(data)
    (tmp_path / "tree/link").symlink_to("deep/data")
    platform.ok("cp", str(tmp_path / "tree"), f"{APP}:/tmp")
    owner, user = inside(platform, "stat -c %u /tmp/tree; id -u").split()
    assert owner == user
    platform.ok("cp", str(tmp_path / "tree/deep/data"), f"{APP}:web.1:/tmp/renamed")
    platform.ok("cp", f"{APP}:/tmp/tree", str(tmp_path / "back"))
    assert (tmp_path / "back/deep/data").read_bytes() == data
    assert (tmp_path / "back/link").readlink() == Path("deep/data")
    platform.ok("cp", f"{APP}:/tmp/renamed", str(tmp_path))
    assert (tmp_path / "renamed").read_bytes() == data
    (tmp_path / "tree/mine").touch()
    assert platform.paas("cp", f"{APP}:/tmp/tree", str(tmp_path)).returncode == 1
    assert (tmp_path / "tree/mine").exists()  # what is there already is not mixed up
    assert not list(tmp_path.glob(".copy-*"))
    platform.ok("cp", f"{APP}:server.py", str(tmp_path / "mine.py"))
    assert "ThreadingHTTPServer" in (tmp_path / "mine.py").read_text()


def test_tars_go_both_ways_over_ssh(platform: Instance):
    sent = platform.ssh("cp", "-", f"{APP}:/tmp", stdin=tar_of({"over/ssh": b"words"}))
    assert sent.returncode == 0, sent.stderr
    back = platform.ssh("cp", f"{APP}:/tmp/over", "-")
    with tarfile.open(fileobj=io.BytesIO(back.stdout)) as archive:
        found = archive.extractfile("./over/ssh")
        assert found is not None
        assert found.read() == b"words"
    assert "cp" not in platform.ok("events", "--app", APP, "-n", "0")
    assert "Copy into web.1" in platform.ok("events", "--app", APP)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((f"{APP}:/tmp/none", "OUT"), "was not copied"),
        ((f"{APP}:/tmp/none", "-"), "there is no /tmp/none in web.1"),
        (("OUT/none", f"{APP}:/tmp"), "there is no"),
        ((f"{APP}:/etc/hostname", f"{APP}:/tmp"), "one of the two"),
        (("OUT", "OUT"), "one of the two"),
        ((f"{APP}:worker:/x", "OUT"), "no running container worker"),
        ((f"{APP}:", "OUT"), "names no path"),
        (("nobody:/x", "OUT"), "does not exist"),
    ],
)
def test_what_cannot_be_copied_is_told(
    platform: Instance, tmp_path: Path, words: tuple[str, ...], why: str
):
    argv = [word.replace("OUT", str(tmp_path)) for word in words]
    done = platform.paas("cp", *argv)
    assert done.returncode != 0
    assert why in done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_paths_of_the_server_are_its_own_roots_alone(platform: Instance):
    done = platform.ssh("cp", "/etc/shadow", f"{APP}:/tmp")
    assert b"only by the machine's own root" in done.stderr
    assert platform.ssh("cp", f"{APP}:/etc/hostname", "/tmp/from-afar").returncode == 2


HOSTILE_TAR = """#!/usr/bin/env python3
import io, sys, tarfile
out = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
def put(name, data=b"owned", **more):
    one = tarfile.TarInfo(name)
    one.size = len(data) if more.get("type") is None else 0
    for key, value in more.items():
        setattr(one, key, value)
    out.addfile(one, io.BytesIO(data) if more.get("type") is None else None)
what = open("/tmp/what").read().strip()
if what == "link":
    put("x/way", type=tarfile.SYMTYPE, linkname="../..")
    put("x/way/canary")
elif what == "absolute":
    put("/x/y", type=tarfile.SYMTYPE, linkname="/etc")
elif what == "up":
    put("x/../../canary")
elif what == "hard":
    put("x/hard", type=tarfile.LNKTYPE, linkname="../../outside")
elif what == "device":
    put("x/disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0)
elif what == "setuid":
    put("x/tool", mode=0o6777)
out.close()
"""


@pytest.mark.parametrize("what", ["link", "absolute", "up", "hard", "device", "setuid"])
def test_a_containers_own_tar_writes_nothing_beside_the_target(
    platform: Instance, tmp_path: Path, what: str
):
    into = tmp_path / "here/into"
    into.mkdir(parents=True)
    (tmp_path / "outside").write_text("untouched")
    inside(platform, f"mkdir -p /tmp/bin; echo {what} > /tmp/what")
    platform.ok("cp", "-", f"{APP}:/tmp/bin", stdin=tar_of({"tar": HOSTILE_TAR.encode()}))
    try:
        inside(platform, "chmod 755 /tmp/bin/tar")
        platform.paas("cp", f"{APP}:/x", str(into))
    finally:
        inside(platform, "rm -f /tmp/bin/tar")
    outside = {path.relative_to(tmp_path) for path in tmp_path.rglob("*")}
    assert {path for path in outside if not path.is_relative_to("here/into")} == {
        Path("here"), Path("outside"),
    }  # fmt: skip
    assert (tmp_path / "outside").read_text() == "untouched"
    for path in into.rglob("*"):
        assert not path.lstat().st_mode & 0o6000
        assert not path.is_block_device()


def test_a_tar_that_is_none_copies_nothing(platform: Instance, tmp_path: Path):
    inside(platform, "mkdir -p /tmp/bin; printf '#!/bin/sh\necho no tar at all' > /tmp/bin/tar")
    inside(platform, "chmod 755 /tmp/bin/tar")
    try:
        done = platform.paas("cp", f"{APP}:/etc/hostname", str(tmp_path))
    finally:
        inside(platform, "rm -f /tmp/bin/tar")
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_stats_are_of_what_runs_now(platform: Instance):
    platform.get(APP)
    done = platform.ssh("stats", APP, "--no-stream", "--format", "json")
    found = cast("dict[str, Any]", json.loads(done.stdout))
    assert found["name"] == "web.1"
    assert found["memory_bytes"] > 1 << 20
    assert found["processes"] >= 1
    assert found["received_bytes"] > 0
    assert found["sent_bytes"] > 0
    assert found["cpu_seconds"] > 0


def test_top_names_processes_as_their_container_sees_them(platform: Instance):
    text = platform.ok("top", APP, "--no-stream")
    assert "python3" in text
    assert "server.py" not in text
    line = next(line for line in text.splitlines() if "python3" in line).split()
    assert int(line[1]) < 100


def test_a_live_view_is_drawn_anew_and_ends_with_its_reader(platform: Instance):
    command = [*platform.ssh_command, "-tt", "-p", str(platform.settings.ssh_port)]
    child = pexpect.spawn(
        command[0], [*command[1:], "paas@127.0.0.1", "stats", "-i", "0.5", APP], timeout=60,
        dimensions=(20, 120), encoding="utf-8",
    )  # fmt: skip
    for _ in range(2):
        child.expect_exact("\x1b[H")
        child.expect("web.1")
    child.send("\x03")
    child.expect(pexpect.EOF)
