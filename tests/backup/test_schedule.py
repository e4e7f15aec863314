"""Backups that are made by themselves: on time, read back, and only so many of them."""

import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.backup import stage
from tests.e2e.instance import Instance

SETTLES_S = 60.0
# half a day away: it comes by having been missed, and by nothing else
DAILY = f"0 {(time.localtime().tm_hour + 12) % 24} * * *"


@pytest.fixture(scope="module")
def platform() -> Iterator[Instance]:
    with stage.instance(patrol_s=0.3) as made:
        made.ok("apps:create", "blog")
        yield made


@pytest.fixture
def shelf(platform: Instance, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "shelf"
    folder.mkdir()
    yield folder
    platform.ok("backup:unschedule")
    platform.ok("backup:set", "--global", "directory")


def missed(platform: Instance) -> None:
    """As if the machine had been off since the day before yesterday."""
    then = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    with sqlite3.connect(platform.settings.state_dir / "paas.db", timeout=30) as database:
        database.execute(
            "UPDATE properties SET value = ? WHERE namespace = 'backup-runs' "
            "AND key IN ('since', 'last-run')", (then,)
        )  # fmt: skip


def report(platform: Instance) -> dict[str, str]:
    found = platform.json("backup:report", "--global")
    assert isinstance(found, dict)
    return found


def result(platform: Instance, before: str = "") -> str:
    """How the run went that is under way, once it is over."""
    deadline = time.monotonic() + SETTLES_S
    while (found := report(platform)["last-result"]) in ("", before):
        assert time.monotonic() < deadline, platform.daemon_log()
        time.sleep(0.1)
    return found


def test_a_time_that_was_missed_is_made_up_for_once_and_the_oldest_goes(
    platform: Instance, shelf: Path
):
    name = platform.settings.name
    secret = shelf.parent / "passphrase"
    secret.write_text("five words are a passphrase\n")
    secret.chmod(0o600)
    older = shelf / f"{name}-scheduled-20250101T000000Z.tar.zst"
    mine = shelf / f"{name}-20250101T000000Z.tar.zst"
    platform.ok("backup", str(older))
    mine.write_bytes(older.read_bytes())
    schedule = ("backup:schedule", DAILY, "--keep", "1", "--directory", str(shelf))
    platform.ok(*schedule, "--passphrase-file", str(secret))
    missed(platform)
    said = result(platform)
    assert said.startswith("succeeded: ")
    made = sorted(shelf.iterdir())
    assert older not in made
    assert mine in made
    assert len(made) == 2
    fresh = next(path for path in made if path != mine)
    assert fresh.name.startswith(f"{name}-scheduled-2")
    assert fresh.name.endswith(".tar.zst.enc")
    assert stage.mode_of(fresh) == 0o600
    listed = platform.json("backup:list")
    assert isinstance(listed, list)
    assert [(one["file"], one["encrypted"], one["problem"]) for one in listed] == [
        (str(fresh), True, ""), (str(mine), False, ""),
    ]  # fmt: skip
    verified = platform.ok("backup:verify", fresh.name, "--passphrase-file", str(secret))
    assert "The backup is whole" in verified
    assert datetime.fromisoformat(report(platform)["next-run"]) > datetime.now(UTC)
    events = platform.ok("events", "-n", "20")
    assert "backup succeeded by schedule: Backup of the platform to" in events
    assert "five words" not in events + platform.daemon_log()


def test_one_that_fails_is_told_removes_nothing_and_is_tried_at_the_next_time(
    platform: Instance, shelf: Path
):
    name = platform.settings.name
    older = shelf / f"{name}-scheduled-20250101T000000Z.tar.zst"
    before = report(platform)["last-result"]
    platform.ok("backup", str(older))
    platform.ok("backup:schedule", DAILY, "--keep", "1", "--directory", str(shelf))
    platform.ok("failpoints:arm", "backup.end=enospc")
    missed(platform)
    said = result(platform, before)
    platform.ok("failpoints:arm")
    assert said == "failed: the disk is full (failpoint backup.end)"
    assert list(shelf.iterdir()) == [older]
    failed = platform.ok("events", "-n", "5")
    assert "backup failed by schedule" in failed
    assert "the disk is full" in failed


def test_a_backup_without_a_name_goes_to_the_servers_folder(platform: Instance):
    done = platform.json("backup")
    assert isinstance(done, dict)
    assert done["apps"] == ["blog"]
    path = Path(done["file"])
    assert path.parent == platform.settings.state_dir / "backups"
    assert stage.mode_of(path) == 0o600
    assert stage.mode_of(path.parent) == 0o700
    found = platform.json("backup:verify", path.name)
    assert isinstance(found, dict)
    assert (found["apps"], found["kind"]) == (["blog"], "platform")


def test_a_damaged_backup_is_found_by_verifying_it(platform: Instance, tmp_path: Path):
    path = tmp_path / "archive"
    platform.ok("backup", str(path))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = platform.paas("backup:verify", str(path))
    assert (done.returncode, b"the backup is damaged" in done.stderr) == (1, True)
    over_ssh = platform.ssh("backup:verify", "-", stdin=bytes(data))
    assert (over_ssh.returncode, b"the backup is damaged" in over_ssh.stderr) == (1, True)
    cut = platform.ssh("backup:verify", "-", stdin=bytes(data[:-100]))
    assert b"cut short" in cut.stderr
