"""Ways out of a container, tried from inside one as the app's user."""

import hashlib
import json
import time
from pathlib import Path

import pytest

from tests.attacks.conftest import probe
from tests.e2e.instance import Instance, Repository

DEVICES = {
    *("console", "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm"),
    *("stderr", "stdin", "stdout", "tty", "urandom", "zero"),
}
# memory, or gone with the container; nothing of these becomes a layer
PLACES = {"/dev/mqueue", "/dev/shm", "/run/lock", "/tmp", "/var/tmp"}


@pytest.fixture(scope="module")
def found(platform: Instance, evil: Repository) -> dict[str, object]:
    return probe(platform, "sandbox", str(platform.root / "canary"), str(platform.settings.socket))


def test_no_system_call_that_leads_out_is_allowed(found: dict[str, object]):
    assert found["calls"] == {}


def test_other_entries_into_the_kernel_are_closed_too(found: dict[str, object]):
    assert set(found["abis"].values()) <= {1, -31}  # refused, or SIGSYS


def test_nothing_of_the_kernel_or_the_system_is_writable_or_told(found: dict[str, object]):
    assert found["writes"] == []
    assert found["reads"] == []
    assert found["told"] == []


def test_no_device_node_is_made_and_only_harmless_ones_are_there(found: dict[str, object]):
    assert found["nodes"] == []
    assert set(found["devices"]) <= DEVICES


def test_only_ordinary_sockets_can_be_made(found: dict[str, object]):
    assert found["sockets"] == []


def test_no_descriptor_of_the_host_leaks_in(found: dict[str, object]):
    for path, (target, is_directory) in found["descriptors"].items():
        assert not is_directory or target == f"/proc/{target.split('/')[2]}/fd", (path, target)
        assert target.startswith(("pipe:", "/dev/null", "/proc/")), (path, target)


def test_nothing_outside_the_app_can_be_written_to_but_memory(found: dict[str, object]):
    assert {place for place in found["places"] if place.split("/")[1] != "app"} <= PLACES


def test_every_mount_is_without_setuid_and_devices(found: dict[str, object]):
    for point, options in found["mounts"].items():
        words = options.split(",")
        # the host's null, zero and random, one file each; and what is masked by them
        one_file = point.removeprefix("/dev/") in DEVICES
        masked = point.startswith(("/proc/", "/sys/"))
        assert "nosuid" in words or one_file or masked, (point, options)
        assert "nodev" in words or one_file or masked or point.startswith("/dev"), (point, options)
    assert found["setuid"] == 1
    assert found["remapped"] == 254


def test_the_host_is_not_there(found: dict[str, object], platform: Instance):
    assert found["canary"] == []
    assert found["unix"] == []
    assert len(found["pids"]) < 5
    assert not [name for name in found["environment"] if name.startswith(("PAAS_STATE", "GIT_DIR"))]
    assert int(found["uid_map"][1]) >= platform.settings.uid_base


def test_who_enters_a_hostile_container_is_not_taken_over(
    platform: Instance, evil: Repository, canary: str
):
    runc = Path("/usr/sbin/runc")
    before = hashlib.sha256(runc.read_bytes()).hexdigest()
    path = str(platform.root / "canary")
    evil.deploy({"Procfile": f"web: python3 server.py\nlurker: python3 probes/lurker.py {path}\n"})
    platform.ok("ps:scale", "evil", "lurker=1")
    for _ in range(3):
        platform.ok("enter", "evil", "lurker.1", "--", "ls", "-l", "/proc/self/fd")
    deadline = time.monotonic() + 60
    report = {}
    while "seen" not in report and time.monotonic() < deadline:  # it may be too late for some
        said = platform.paas("enter", "evil", "lurker.1", "cat", "report.json").stdout.decode()
        report = json.loads(said or "{}")
    platform.ok("ps:scale", "evil", "lurker=0")
    assert report["seen"]
    assert "runc" not in report
    assert "host" not in report
    assert "told" not in report
    assert hashlib.sha256(runc.read_bytes()).hexdigest() == before


def test_what_a_container_puts_in_its_home_does_not_reach_who_enters(
    platform: Instance, evil: Repository
):
    """The app's own files may say what they want: they say it inside."""
    plant = "mkdir -p .profile.d; echo 'cat /proc/1/root/etc/hostname' > .profile; ln -s / all"
    platform.ok("enter", "evil", "web", "--", "sh", "-c", plant)
    said = platform.ok("enter", "evil", "web", "--", "sh", "-c", "ls all/; cat /etc/hostname")
    assert "canary" not in said
