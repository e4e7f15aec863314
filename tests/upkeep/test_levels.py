"""How a disk is judged, and what the housekeeper does about it."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from paas import disk as disk_module
from paas.console import Console
from paas.disk import Disk, DiskFull, Level, Room, judge
from paas.errors import Cancelled
from paas.platform import Platform
from paas.settings import Settings
from paas.upkeep import housekeeper as housekeeper_module
from paas.upkeep.housekeeper import Housekeeper
from paas.upkeep.round import Wish
from paas.upkeep.waste import Outcome, Waste
from tests.faults.stage import until

GIB, MIB = 1 << 30, 1 << 20
LARGE = Room(Path("/x"), 100 * GIB, 200 * GIB, 5_000_000, 10_000_000)
SMALL = Room(Path("/x"), GIB, 4 * GIB, 60_000, 80_000)


@pytest.mark.parametrize(
    ("found", "level"),
    [
        (LARGE, Level.OK),
        (replace(LARGE, free_bytes=2 * GIB - 1), Level.LOW),
        (replace(LARGE, free_bytes=512 * MIB - 1), Level.FULL),
        (replace(LARGE, free_inodes=99_999), Level.LOW),
        (replace(LARGE, free_inodes=19_999), Level.FULL),
        (replace(LARGE, free_inodes=0, total_inodes=0), Level.OK),  # btrfs counts none
        (SMALL, Level.OK),
        (replace(SMALL, free_bytes=409 * MIB), Level.LOW),  # a tenth
        (replace(SMALL, free_bytes=102 * MIB), Level.FULL),  # a fortieth
        (replace(SMALL, free_inodes=7_999), Level.LOW),
        (replace(SMALL, free_inodes=1_999), Level.FULL),
    ],
)
def test_marks_are_absolute_on_large_disks_and_shares_of_small_ones(found: Room, level: Level):
    assert judge(found, Settings()) is level


def test_a_level_is_left_only_with_a_quarter_more_than_its_mark():
    def at(free: int, before: Level) -> Level:
        return judge(replace(LARGE, free_bytes=free), Settings(), before)

    assert at(600 * MIB, Level.FULL) is Level.FULL
    assert at(641 * MIB, Level.FULL) is Level.LOW
    assert at(2 * GIB, Level.LOW) is Level.LOW
    assert at(2 * GIB + 600 * MIB, Level.LOW) is Level.OK
    assert at(2 * GIB, Level.OK) is Level.OK


class Free:
    """Stands in for statvfs: as many bytes are free as the test says."""

    def __init__(self) -> None:
        self.bytes = 100 * GIB

    def room(self, place: Path) -> Room:
        return replace(LARGE, place=place, free_bytes=self.bytes)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Free:
    made = Free()
    monkeypatch.setattr(disk_module, "room", made.room)
    return made


def test_the_worse_of_two_filesystems_counts(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    def room(place: Path) -> Room:
        return replace(LARGE, place=place, free_bytes=GIB if place == settings.run_dir else 9 * GIB)

    monkeypatch.setattr(disk_module, "room", room)
    state = Disk(settings).state()
    assert (state.level, state.room.place) == (Level.LOW, settings.run_dir)


def test_space_is_freed_before_anything_is_refused(settings: Settings, free: Free):
    disk = Disk(settings)
    free.bytes = 10 * MIB
    with pytest.raises(DiskFull, match=r"the run is refused: the disk is full: 0 MiB of 200.0 GiB"):
        disk.admit("the run")
    disk.largest = lambda: "blog 3.0 GiB"
    disk.relief = lambda: setattr(free, "bytes", 5 * GIB)
    assert disk.admit("the run").level is Level.OK
    free.bytes = 10 * MIB
    disk.relief = lambda: None
    with pytest.raises(DiskFull) as refused:
        disk.admit("the run")
    assert "The largest: blog 3.0 GiB." in refused.value.hint


def test_a_build_may_not_fill_the_disk_to_the_full_mark(settings: Settings, free: Free):
    disk = Disk(replace(settings, disk_ballast_bytes=0))
    assert disk.allowance(4 * GIB) == 4 * GIB
    free.bytes = 3 * GIB
    assert disk.allowance(4 * GIB) == 3 * GIB - 512 * MIB
    free.bytes = 0
    assert disk.allowance(4 * GIB) == MIB


def test_the_ballast_is_let_go_and_taken_back(settings: Settings, free: Free):
    disk = Disk(settings)
    folder = settings.state_dir / "ballast"
    assert disk.keep_ballast()
    assert sum(path.stat().st_blocks for path in folder.iterdir()) * 512 >= 16 * MIB
    assert not disk.drop_ballast()
    free.bytes = MIB
    assert disk.drop_ballast()
    assert not folder.exists()
    free.bytes = 20 * MIB
    assert not disk.keep_ballast()
    free.bytes = 5 * GIB
    assert disk.keep_ballast()
    (folder / "mine").touch()
    free.bytes = MIB
    disk.drop_ballast()
    assert [path.name for path in folder.iterdir()] == ["mine"]


def test_the_ballasts_room_is_nobodys_while_it_goes(
    settings: Settings, free: Free, monkeypatch: pytest.MonkeyPatch
):
    disk = Disk(replace(settings, disk_full_bytes=10 * MIB))
    assert disk.keep_ballast()
    seen: list[Level] = []
    asked = threading.Thread(target=lambda: seen.append(disk.state().level))
    real = Path.rmdir

    def emptied(folder: Path) -> None:
        free.bytes = 17 * MIB
        asked.start()
        asked.join(0.5)
        real(folder)

    free.bytes = MIB
    monkeypatch.setattr(Path, "rmdir", emptied)
    assert disk.drop_ballast()
    asked.join()
    assert seen == [Level.FULL]


# -- the housekeeper -------------------------------------------------------------------

Collect = Callable[[Platform, Wish, Console], int]


@pytest.fixture
def keeper(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Housekeeper:
    made = Housekeeper(platform)
    monkeypatch.setattr(made, "measure", lambda **_: None)
    return made


def collecting(monkeypatch: pytest.MonkeyPatch, work: Collect) -> list[bool]:
    """Have collections do this instead; whether somebody waited for each."""
    hurried: list[bool] = []

    def collect(platform: Platform, wish: Wish, console: Console, *, hurry: bool) -> Outcome:
        hurried.append(hurry)
        freed = work(platform, wish, console)
        return Outcome((Waste("layer", "x", freed),) if freed else ())

    monkeypatch.setattr(housekeeper_module, "collect", collect)
    return hurried


def events(platform: Platform) -> list[tuple[str, str]]:
    found = [one for one in platform.store.events.list() if one.action == "disk"]
    return [(one.result, one.detail.partition(":")[0]) for one in found]


def test_each_change_of_level_is_recorded_once(
    platform: Platform, keeper: Housekeeper, free: Free, monkeypatch: pytest.MonkeyPatch
):
    collecting(monkeypatch, lambda *_: 0)
    for bytes_ in (90 * GIB, GIB, GIB, MIB, MIB, GIB, 90 * GIB, 90 * GIB):
        free.bytes = bytes_
        keeper.look()
    assert events(platform) == [
        ("failed", "the disk is nearly full"),
        ("failed", "the disk is full"),
        ("succeeded", "the disk is nearly full"),
        ("succeeded", "the disk has room"),
    ]


def test_what_is_done_at_leisure_makes_way_for_whoever_waits(
    platform: Platform, keeper: Housekeeper, free: Free, monkeypatch: pytest.MonkeyPatch
):
    begun, made_way = threading.Event(), threading.Event()

    def work(_platform: Platform, wish: Wish, console: Console) -> int:
        if wish.enough is not None and not begun.is_set():
            begun.set()
            console.cancelled.wait(60)
            made_way.set()
            raise Cancelled("made way")
        free.bytes = 90 * GIB
        return GIB

    hurried = collecting(monkeypatch, work)
    free.bytes = MIB
    keeper.look()
    assert begun.wait(60)
    keeper.relieve()
    assert made_way.wait(60)
    assert hurried == [False, True]
    assert platform.disk.state().level is Level.OK


def test_freeing_that_freed_nothing_is_not_repeated_at_once(
    keeper: Housekeeper, free: Free, monkeypatch: pytest.MonkeyPatch
):
    hurried = collecting(monkeypatch, lambda *_: 0)
    free.bytes = MIB
    keeper.look()
    until(lambda: hurried == [False] and not keeper._working.locked())
    for _ in range(3):
        keeper.relieve()
        keeper.look()
    assert hurried == [False]
    free.bytes = 90 * GIB
    keeper.look()
    free.bytes = MIB  # again, and another time: that may be worth a try
    keeper.look()
    until(lambda: hurried == [False, False])


def test_what_fails_leaves_the_housekeeper_looking(
    keeper: Housekeeper, free: Free, monkeypatch: pytest.MonkeyPatch
):
    def work(*_: object) -> int:
        raise RuntimeError("a bug")

    hurried = collecting(monkeypatch, work)
    free.bytes = GIB
    keeper.look()
    until(lambda: hurried and not keeper._working.locked())
    keeper.look()
    assert hurried == [False]  # the same bug can wait
    free.bytes = 90 * GIB
    keeper.look()
    free.bytes = GIB
    keeper.look()
    until(lambda: len(hurried) == 2)
