"""A disk that fills: announced, refused early, freed by itself; and well again with room."""

import json
import secrets
import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.instance import Repository
from tests.e2e.samples import PLAIN
from tests.upkeep.small_disk import MIB, SmallDisk, small_disk, volume


@pytest.fixture(scope="module")
def disk() -> Iterator[SmallDisk]:
    """600 MiB: low below 60, full below 15."""
    with small_disk() as made:
        yield made


@pytest.fixture(scope="module")
def repository(disk: SmallDisk) -> Repository:
    made = disk.instance.repository("shop")
    made.write({"large.txt": secrets.token_hex(3 * MIB)})
    made.deploy({**PLAIN, "page.txt": "first"})
    return made


@pytest.fixture(autouse=True)
def emptied(disk: SmallDisk) -> Iterator[None]:
    yield
    disk.empty()
    until(lambda: level(disk) == "ok")
    until(lambda: told(disk) == "" or told(disk).startswith("succeeded: the disk has room"))
    until((disk.instance.settings.state_dir / "ballast").exists)


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def level(disk: SmallDisk) -> str:
    return disk.instance.ok("disk:report", "--global", "--disk-level").strip()


def events(disk: SmallDisk, action: str = "disk") -> list[tuple[str, str]]:
    lines = disk.instance.ok("events", "--format", "json", "-n", "1000").splitlines()
    found = [json.loads(line) for line in lines]
    return [(one["result"], one["detail"]) for one in found if one["action"] == action]


def told(disk: SmallDisk) -> str:
    """What was said last of the disk; while it fills or empties, what is seen in between is too."""
    return "".join(f"{result}: {words}" for result, words in events(disk)[-1:])


def test_what_takes_room_is_refused_with_the_numbers_and_the_rest_goes_on(
    disk: SmallDisk, repository: Repository
):
    instance = disk.instance
    instance.ok("config:set", "shop", "A=1")
    precious = volume(disk, MIB)
    disk.fill(leave=8 * MIB)
    refused = repository.fail({"page.txt": "second"})
    assert "a push to shop is refused: the disk is full: " in refused
    assert "MiB of" in refused
    assert "paas gc --all" in refused
    assert "The largest: shop " in refused
    assert "a push to shop is refused" in instance.ok("logs", "shop", "-n", "50")
    for words in (("run", "shop", "true"), ("run:detached", "shop", "true")):
        done = instance.paas(*words)
        assert done.returncode == 1
        assert b"a run of shop is refused: the disk is full" in done.stderr
    done = instance.paas("ps:scale", "shop", "web=2")
    assert b"scaling shop up is refused" in done.stderr
    # an earlier one may still be on its way out
    until(lambda: len(instance.json("ps:inspect", "shop")) == 1)
    # what keeps apps running, or frees space, works
    instance.ok("ps:restart", "shop")
    instance.ok("config:set", "shop", "A=2")
    instance.ok("releases:rollback", "shop")
    instance.ok("gc")
    instance.ok("repo:purge-cache", "shop")
    assert instance.get("shop").text == "first"
    assert precious.exists()
    assert disk.filler.exists()


def test_everybody_is_told_and_told_again_when_there_is_room(
    disk: SmallDisk, repository: Repository
):
    instance = disk.instance
    disk.fill(leave=8 * MIB)
    until(lambda: told(disk).startswith("failed: the disk is full: "))
    assert instance.ok("ps:report", "shop", "--disk").strip() == "full"
    findings = {
        one["name"]: one for one in json.loads(instance.paas("doctor", "--format", "json").stdout)
    }
    assert findings["disk"]["status"] == "fail"
    assert "are free for" in findings["disk"]["found"]
    assert instance.json("disk")["level"] == "full"
    disk.empty()
    until(lambda: told(disk).startswith("succeeded: the disk has room"))
    repository.deploy({"page.txt": "third"})
    assert instance.get("shop").text == "third"


def test_a_level_is_left_only_well_above_its_mark(disk: SmallDisk):
    disk.fill(leave=12 * MIB)
    until(lambda: level(disk) == "full")
    disk.fill(leave=17 * MIB)
    assert level(disk) == "full"
    disk.fill(leave=25 * MIB)
    assert level(disk) == "low"
    disk.fill(leave=65 * MIB)
    assert level(disk) == "low"
    disk.fill(leave=90 * MIB)
    assert level(disk) == "ok"


def test_a_push_on_a_nearly_full_disk_works_and_says_so(disk: SmallDisk, repository: Repository):
    disk.fill(leave=40 * MIB)
    said = repository.deploy({"page.txt": "fourth"})
    assert "remote:  !     the disk is nearly full: " in said
    assert "inodes are free for" in said
    assert disk.instance.get("shop").text == "fourth"


def test_space_is_freed_by_itself_before_anything_is_refused(
    disk: SmallDisk, repository: Repository
):
    instance = disk.instance
    cache = instance.settings.state_dir / "cache" / "4711" / "uv"  # of an app that is gone
    cache.mkdir(parents=True)
    (cache / "file").write_bytes(b"x" * 60 * MIB)
    precious = volume(disk, 5 * MIB)
    disk.fill(leave=4 * MIB)
    repository.deploy({"page.txt": "fifth"})
    until(lambda: any("build cache" in words for _, words in events(disk, "gc")))
    assert not cache.exists()
    assert precious.stat().st_size == 5 * MIB
    assert instance.get("shop").text == "fifth"


def test_a_disk_without_a_byte_left_is_freed_by_hand(disk: SmallDisk, repository: Repository):
    instance = disk.instance
    instance.repository("bulky").deploy(PLAIN)
    cache = instance.settings.state_dir / "cache"
    bulky = cache / "2"  # of the second app
    (bulky / "tool").mkdir()
    (bulky / "tool" / "file").write_bytes(b"x" * 30 * MIB)
    disk.fill(leave=0)
    until(lambda: not (instance.settings.state_dir / "ballast").exists())
    instance.ok("apps:destroy", "--force", "bulky")
    assert not bulky.exists()
    assert disk.free > 20 * MIB
    instance.ok("gc")
    assert instance.get("shop").status_code == 200
    disk.empty()
    until((instance.settings.state_dir / "ballast").exists)


def test_a_daemon_killed_and_started_on_a_full_disk_adopts_what_runs(
    disk: SmallDisk, repository: Repository
):
    instance = disk.instance
    before = instance.get("shop").text
    disk.fill(leave=0)
    until(lambda: not (instance.settings.state_dir / "ballast").exists())
    disk.fill(leave=-instance.settings.disk_ballast_bytes)  # what that gave back as well
    instance.kill()
    instance.start()
    assert level(disk) == "full"
    assert instance.get("shop").text == before
    assert "the disk is full: " in repository.fail({"page.txt": "sixth"})
    disk.empty()
    until(lambda: level(disk) == "ok")
    repository.deploy()
    assert instance.get("shop").text == "sixth"


def test_inodes_run_out_like_bytes_do():
    with small_disk("-N", "8000", mib=200) as disk:
        repository = disk.instance.repository("shop")
        repository.deploy({**PLAIN, "page.txt": "first"})
        with disk.few_inodes(leave=550):
            assert "nearly full" in repository.deploy({"page.txt": "second"})
        until(lambda: level(disk) == "ok")
        with disk.few_inodes(leave=100):
            until(lambda: level(disk) == "full")
            refused = repository.fail({"page.txt": "third"})
            assert "the disk is full: " in refused
            assert "of 8,000 inodes are free" in refused
            disk.instance.ok("apps:create", "other")
            disk.instance.ok("apps:destroy", "--force", "other")
            disk.instance.ok("gc", "--all")
            assert disk.instance.get("shop").text == "second"
        until(lambda: level(disk) == "ok")
        repository.deploy()
        assert disk.instance.get("shop").text == "third"
