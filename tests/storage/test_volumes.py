"""Volumes on a real disk: sizes that hold, growth, and folders that lead nowhere else."""

import fcntl
import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from paas.command import Runner
from paas.errors import PaasError
from paas.image import loops, mounts
from paas.image.rootfs import bind_shifted
from paas.model.container import Mount
from paas.model.volume import Volume
from paas.settings import Settings
from paas.storage import disks
from paas.storage.volumes import GONE, Volumes
from tests.faults.stage import until
from tests.faults.traces import backing_files

MIB = 1 << 20


@pytest.fixture
def volumes(settings: Settings) -> Iterator[Volumes]:
    root = settings.state_dir.parent / "storage"
    root.mkdir()
    made = Volumes(replace(settings, storage_roots=(str(root),)), Runner())
    yield made
    made.unmount_all()


def fill(path: Path, limit: int) -> int:
    """Write until the disk is full; how much went in."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.tell() < limit:
            file.write(bytes(MIB))
    return path.stat().st_size


def test_a_volume_takes_no_more_than_its_size_and_grows_while_it_is_used(volumes: Volumes) -> None:
    sized = Volume("sized", size_bytes=16 * MIB)
    assert volumes.make(sized)
    point = volumes.root / "sized"
    assert list(point.iterdir()) == []
    kept = fill(point / "big", 100 * MIB)
    assert 8 * MIB < kept < 16 * MIB
    assert volumes.used_bytes(sized) <= 16 * MIB
    told = ""
    with (point / "big").open("rb") as busy:
        try:
            volumes.grow(sized, 48 * MIB, used=True)
        except PaasError as error:  # where root may not grow what is in use
            told = error.hint
        assert os.fstat(busy.fileno()).st_size == kept
    assert not told or "CAP_SYS_RESOURCE" in told
    volumes.grow(sized, 48 * MIB, used=False)
    assert (point / "big").stat().st_size == kept
    assert fill(point / "more", 100 * MIB) > 16 * MIB
    assert volumes.disk("sized").stat().st_mode & 0o777 == 0o600


@pytest.fixture
def elsewhere() -> Iterator[subprocess.Popen[bytes]]:
    """A process with copies of every mount there is, which nobody takes from it."""
    words = ("unshare", "--mount", "--propagation", "private", "sh", "-c", "echo; exec sleep 60")
    with subprocess.Popen(words, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            yield child
        finally:
            child.kill()


def test_a_disk_that_somebody_still_has_mounted_is_not_written_past_that(
    volumes: Volumes, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paas.storage.volumes.LET_GO_S", 0.5)
    monkeypatch.setattr(disks, "grow_mounted", lambda *_: False)  # as on many a virtual machine
    sized = Volume("sized", size_bytes=16 * MIB)
    volumes.make(sized)
    file = volumes.root / "sized" / "file"
    holder = request.getfixturevalue("elsewhere")
    file.write_text("not on the disk yet")
    with pytest.raises(PaasError, match="sized is still mounted in some container"):
        volumes.grow(sized, 48 * MIB, used=False)
    assert file.read_text() == "not on the disk yet"
    device = mounts.device_at(volumes.root / "sized")
    with loops.existing(volumes.disk("sized")) as only:
        assert only == device
    holder.kill()
    holder.wait()
    monkeypatch.setattr("paas.storage.volumes.LET_GO_S", 60.0)  # others may have copies as well
    volumes.grow(sized, 48 * MIB, used=False)
    assert file.read_text() == "not on the disk yet"
    assert fill(volumes.root / "sized" / "more", 100 * MIB) > 16 * MIB


def test_a_size_costs_no_disk_until_it_is_used_and_what_is_deleted_comes_back(
    volumes: Volumes,
) -> None:
    volumes.make(Volume("large", size_bytes=4 << 30))
    disk = volumes.disk("large")
    empty = disk.stat().st_blocks * 512
    assert disk.stat().st_size == 4 << 30
    assert empty < 80 * MIB
    file = volumes.root / "large" / "file"
    fill(file, 32 * MIB)
    with file.open("rb") as written:
        os.fsync(written.fileno())
    assert disk.stat().st_blocks * 512 > empty + 30 * MIB
    file.unlink()
    with mounts.frozen_filesystem(file.parent):  # has the discards begun
        until(lambda: disk.stat().st_blocks * 512 < empty + 16 * MIB)


def test_a_mounted_volume_neither_sets_ids_nor_has_devices(volumes: Volumes) -> None:
    volumes.make(Volume("sized", size_bytes=16 * MIB))
    line = next(
        line
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if line.split()[4] == str(volumes.root / "sized")
    )
    assert {"nosuid", "nodev"} <= set(line.split()[5].split(","))


def test_what_is_unmounted_is_found_again_by_whoever_comes_next(
    volumes: Volumes, settings: Settings
) -> None:
    sized = Volume("sized", size_bytes=16 * MIB)
    volumes.make(sized)
    (volumes.root / "sized" / "kept").write_text("kept")
    volumes.unmount_all()  # as after a reboot
    assert not (volumes.root / "sized" / "kept").exists()
    other = Volumes(settings, Runner())
    assert not other.make(sized)
    assert (volumes.root / "sized" / "kept").read_text() == "kept"


def test_removing_one_leaves_no_mount_no_loop_device_and_no_file(volumes: Volumes) -> None:
    sized = Volume("sized", size_bytes=16 * MIB)
    volumes.make(sized)
    assert backed_by(volumes)
    volumes.remove("sized")
    volumes.remove("sized")
    assert not disks.is_mounted(volumes.root / "sized")
    assert list(volumes.root.iterdir()) == list(volumes.disks.iterdir()) == []
    until(lambda: not backed_by(volumes))  # others may have copies of the mount


def backed_by(volumes: Volumes) -> list[str]:
    """The volumes' disks, whatever they are called by now, that a loop device is over."""
    return [file for file in backing_files() if file.startswith(f"{volumes.disks}/")]


def test_the_next_daemon_lets_go_of_what_a_dead_one_held_and_ends_its_deletions(
    volumes: Volumes,
) -> None:
    volumes.make(Volume("sized", size_bytes=16 * MIB))
    point = volumes.root / "sized"
    leave_frozen(point)
    (volumes.root / f"{GONE}half" / "deep").mkdir(parents=True)
    volumes.recover()
    (point / "written").write_text("x")  # would wait for ever
    until(lambda: [path.name for path in volumes.root.iterdir()] == ["sized"])


def leave_frozen(point: Path) -> None:
    """What a daemon that is killed in the midst of a copy leaves."""
    with mounts.opened(os.open(point, os.O_RDONLY | os.O_DIRECTORY)) as folder:
        fcntl.ioctl(folder, mounts.FREEZE, 0)


def test_a_full_copy_of_a_disk_is_whole_while_somebody_writes(
    volumes: Volumes, tmp_path: Path
) -> None:
    sized = Volume("sized", size_bytes=32 * MIB)
    volumes.make(sized)
    point = volumes.root / "sized"
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            (point / f"{number % 50}").write_text(str(number))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        until(lambda: any(point.iterdir()))
        with mounts.frozen_filesystem(point):
            disks.copy(volumes.disk("sized"), volumes.disk("copy"))
    finally:
        stop.set()
        writer.join()
    checked = Runner().run(("e2fsck", "-fn", str(volumes.disk("copy"))), check=False)
    assert checked.status == 0, checked.text
    copy = Volume("copy", size_bytes=32 * MIB)
    volumes.make(copy)
    assert list((volumes.root / "copy").iterdir())


# -- folders of the host -------------------------------------------------------------------


def shown(volumes: Volumes, volume: Volume, target: Path, beneath: str = "") -> None:
    """Mount a volume as a container of slot 1 gets it."""
    place = volumes.place(volume)
    below = "/".join(filter(None, (place.beneath, beneath)))
    mount = Mount(place.root, "/x", read_only=False, ids=volumes.ids(volume), beneath=below)
    bind_shifted(mount, volumes.settings.uids(1), target)


@pytest.fixture
def target(settings: Settings) -> Iterator[Path]:
    path = settings.run_dir / "target"
    path.mkdir()
    yield path
    while mounts.unmount(path):
        pass


def test_the_hosts_root_owns_nothing_that_a_containers_root_makes(
    volumes: Volumes, target: Path
) -> None:
    """A program that sets its id, left by an app's root in a folder that others of the host see."""
    folder = Volume("folder", host_path=f"{volumes.settings.storage_roots[0]}/folder")
    volumes.make(folder)
    volumes.give(folder, 0)
    shown(volumes, folder, target)
    target.parent.parent.chmod(0o755)
    real = Path(folder.host_path) / "program"
    run(volumes, 0, "install", "-m", "4755", "/usr/bin/true", str(target / "program"))
    assert real.stat().st_uid == volumes.settings.common_uids
    assert real.stat().st_mode & stat.S_ISUID
    volumes.give(folder, 1000)
    run(volumes, 1000, "touch", str(target / "of-its-user"))
    assert (real.parent / "of-its-user").stat().st_uid == 1000


def run(volumes: Volumes, uid: int, *argv: str) -> None:
    """As a user of a container of slot 1 would."""
    assert volumes.runner.spawn(argv, user=volumes.settings.uids(1) + uid).wait() == 0


def test_files_of_the_hosts_root_are_nobodys_to_a_container(volumes: Volumes, target: Path) -> None:
    folder = Volume("folder", host_path=f"{volumes.settings.storage_roots[0]}/folder")
    volumes.make(folder)
    (Path(folder.host_path) / "roots").touch()
    shown(volumes, folder, target)
    assert (target / "roots").stat().st_uid == 65534
    with pytest.raises(OSError, match="too large"):  # EOVERFLOW: an id that is not shown
        os.chown(target / "roots", 0, 0)


@pytest.mark.parametrize("beneath", ["link", "link/ssh", "up", "dir/up/up", "file", "missing"])
def test_no_link_in_a_volume_leads_a_mount_out_of_it(
    volumes: Volumes, target: Path, beneath: str
) -> None:
    data = Volume("data")
    volumes.make(data)
    root = volumes.root / "data"
    (root / "dir").mkdir()
    (root / "link").symlink_to("/etc")
    (root / "up").symlink_to("..")
    (root / "dir" / "up").symlink_to("../..")
    (root / "file").touch()
    with pytest.raises(OSError, match=r"Too many levels|Not a directory|No such file"):
        shown(volumes, data, target, beneath)
    assert list(target.iterdir()) == []


def test_a_folder_that_becomes_a_link_at_the_wrong_moment_is_never_followed(
    volumes: Volumes, target: Path
) -> None:
    data = Volume("data")
    volumes.make(data)
    root = volumes.root / "data"
    (root / "real").mkdir()
    (root / "real" / "mine").touch()
    (root / "trap").symlink_to("/etc")
    (root / "place").symlink_to("real")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for source in ("real", "trap"):
                (root / "place").unlink()
                if source == "trap":
                    (root / "place").symlink_to("/etc")
                else:
                    (root / "place").mkdir()
                    (root / "place").rmdir()
                    (root / "place").symlink_to("real")

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for _ in range(300):
            try:
                shown(volumes, data, target, "place")
            except OSError:
                continue
            assert not (target / "passwd").exists()
            mounts.unmount(target)
    finally:
        stop.set()
        swapper.join()


def test_a_root_that_is_not_allowed_gives_nothing_away(volumes: Volumes) -> None:
    for path in ("/etc", "/", "/var/lib", str(volumes.settings.state_dir / "repos")):
        with pytest.raises(PaasError, match="not below a folder"):
            volumes.place(Volume("x", host_path=path))


def test_what_nobody_has_registered_is_told(volumes: Volumes) -> None:
    volumes.make(Volume("one"))
    volumes.make(Volume("two", size_bytes=16 * MIB))
    assert volumes.unregistered({"one"}) == ["two"]
