"""Room on the disks that an instance writes to: how much there is, and whether that is enough.

Asked with statvfs(3), which costs microseconds. Below the low mark space is to be freed
and people are told, below the full mark what would take more is refused; a level is only
left once there is a quarter more than its mark. Touches: the ballast, files in the state
directory that are let go when nothing else is left, so that freeing space still works.
Standard library only.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

from paas.errors import PaasError
from paas.settings import Settings

MARGIN = 1.25
# a mark is never more than this part of a small disk: a tenth, a fortieth
LOW_SHARE, FULL_SHARE = 10, 40
# so many files, so that inodes are let go of with the bytes
BALLAST_FILES = 16
SMALLEST_BUILD_BYTES = 1 << 20


class Level(IntEnum):
    """How a disk stands; the higher, the worse."""

    OK = 0
    LOW = 1
    FULL = 2

    @property
    def words(self) -> str:
        return {Level.OK: "has room", Level.LOW: "is nearly full", Level.FULL: "is full"}[self]


class DiskFull(PaasError):
    """What would take more room is refused."""


@dataclass(frozen=True, slots=True)
class Room:
    """What there is in one filesystem. total_inodes 0: it makes them as it needs them."""

    place: Path
    free_bytes: int
    total_bytes: int
    free_inodes: int
    total_inodes: int

    @property
    def words(self) -> str:
        """`412 MiB of 20 GiB and 31,000 of 65,536 inodes are free for /var/lib/paas`."""
        parts = [f"{amount(self.free_bytes)} of {amount(self.total_bytes)}"]
        if self.total_inodes:
            parts.append(f"{self.free_inodes:,} of {self.total_inodes:,} inodes")
        return f"{' and '.join(parts)} are free for {self.place}"


def room(place: Path) -> Room:
    """What there is where a directory is; for those who are not root, as builds are."""
    found = os.statvfs(place)
    return Room(
        place,
        found.f_bavail * found.f_frsize,
        found.f_blocks * found.f_frsize,
        found.f_favail,
        found.f_files,
    )


def judge(found: Room, settings: Settings, before: Level = Level.OK) -> Level:
    """The level of a filesystem that was at another one before."""
    for level, bytes_, inodes, share in (
        (Level.FULL, settings.disk_full_bytes, settings.disk_full_inodes, FULL_SHARE),
        (Level.LOW, settings.disk_low_bytes, settings.disk_low_inodes, LOW_SHARE),
    ):
        margin = MARGIN if before >= level else 1.0
        few_bytes = found.free_bytes < min(bytes_, found.total_bytes / share) * margin
        few_inodes = found.free_inodes < min(inodes, found.total_inodes / share) * margin
        if few_bytes or few_inodes:
            return level
    return Level.OK


@dataclass(frozen=True, slots=True)
class State:
    """How all of an instance's disks stand: the worst of them, and what there is there."""

    level: Level
    room: Room

    @property
    def words(self) -> str:
        return f"the disk {self.level.words}: {self.room.words}"


class Disk:
    """The disks of one instance, watched. relief: frees space; largest: who takes most, in words.

    Both are set by those who know how; until then nothing is freed, and nobody named.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._levels: dict[int, Level] = {}  # by filesystem
        self.relief: Callable[[], object] = lambda: None
        self.largest: Callable[[], str] = lambda: ""

    def state(self) -> State:
        """How the disks stand now."""
        with self._lock:
            return max(self._look(), key=lambda one: (one.level, -one.room.free_bytes))

    def _look(self) -> Iterator[State]:
        places = (self._settings.state_dir, self._settings.run_dir)
        for place in filter(Path.is_dir, places):
            found = self._room(place)
            number = place.stat().st_dev
            level = judge(found, self._settings, self._levels.get(number, Level.OK))
            self._levels[number] = level
            yield State(level, found)

    def _room(self, place: Path) -> Room:
        """What there is; the ballast's own room is none, also while the ballast is not there."""
        found = room(place)
        if (
            place.stat().st_dev != self._settings.state_dir.stat().st_dev
            or self._ballast().is_dir()
        ):
            return found
        return replace(
            found,
            free_bytes=max(0, found.free_bytes - self._settings.disk_ballast_bytes),
            free_inodes=max(0, found.free_inodes - BALLAST_FILES),
        )

    def admit(self, what: str) -> State:
        """Return when there is room for what takes some; space is freed first if need be.

        Raises DiskFull with the numbers and what to do.
        """
        state = self.state()
        if state.level is Level.FULL:
            self.relief()
            state = self.state()
        if state.level is Level.FULL:
            raise DiskFull(f"{what} is refused: {state.words}", self.advice())
        return state

    def allowance(self, limit_bytes: int) -> int:
        """How much one build may write: its limit, or what there is above the full mark."""
        found = self._room(self._settings.state_dir)
        mark = min(self._settings.disk_full_bytes, found.total_bytes // FULL_SHARE)
        return min(limit_bytes, max(found.free_bytes - mark, SMALLEST_BUILD_BYTES))

    def advice(self) -> str:
        """What a person can do about it."""
        named = self.largest()
        most = f" The largest: {named}." if named else ""
        return f"free some with paas gc --all, or destroy what is not needed.{most} See paas disk"

    # -- ballast -------------------------------------------------------------------

    def keep_ballast(self) -> bool:
        """Take the ballast on board when there is room for it; whether it is there."""
        folder, size = self._ballast(), self._settings.disk_ballast_bytes // BALLAST_FILES
        if folder.is_dir() or not size:
            return folder.is_dir()
        if self.state().level is Level.FULL:
            return False
        draft = folder.with_name(f".{folder.name}")
        with self._lock:  # its room is counted in or out, never half
            draft.mkdir(mode=0o700, exist_ok=True)
            for number in range(BALLAST_FILES):
                with (draft / str(number)).open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, size)
            draft.rename(folder)
        return True

    def drop_ballast(self) -> bool:
        """Let the ballast go when hardly anything else is left; whether it was there."""
        folder = self._ballast()
        found = room(self._settings.state_dir)
        scarce = found.free_bytes < self._settings.disk_ballast_bytes
        short = found.total_inodes > 0 and found.free_inodes < 4 * BALLAST_FILES
        if not folder.is_dir() or not (scarce or short):
            return False
        with self._lock:
            for number in range(BALLAST_FILES):
                (folder / str(number)).unlink(missing_ok=True)
            with suppress(OSError):  # somebody put a file there: it stays
                folder.rmdir()
        return True

    def _ballast(self) -> Path:
        return self._settings.state_dir / "ballast"


def amount(bytes_: int) -> str:
    """`412 MiB`, `19.5 GiB`."""
    if bytes_ < 1 << 30:
        return f"{bytes_ >> 20} MiB"
    return f"{bytes_ / (1 << 30):.1f} GiB"
