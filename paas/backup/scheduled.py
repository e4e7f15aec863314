"""Scheduled backups: when the next one is due, and what one run does."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from paas.backup import restoring, shelf
from paas.backup.files import archive_at
from paas.backup.making import Wish, size, to_file
from paas.backup.passphrase import passphrase_in
from paas.console import silent
from paas.errors import PaasError, of_disk
from paas.model.cron import next_after
from paas.platform import Platform

log = logging.getLogger(__name__)

RUNS = "backup-runs"  # the namespace of what is remembered of runs
KEEP = 7
ACTOR = "schedule"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When backups are made, of what, and how many of them stay."""

    cron: str
    keep: int
    images: bool
    logs: bool
    passphrase_file: str
    since: datetime


def current(platform: Platform) -> Schedule | None:
    """The schedule, if there is one."""
    values = platform.store.properties.all(None, shelf.NAMESPACE)
    if not values.get("schedule"):
        return None
    return Schedule(
        values["schedule"],
        int(values.get("keep", KEEP)),
        values.get("with-images") == "true",
        values.get("with-logs") == "true",
        values.get("passphrase-file", ""),
        moment(platform, "since") or datetime.now(UTC),
    )


def moment(platform: Platform, key: str) -> datetime | None:
    """When something happened, as it was remembered."""
    text = platform.store.properties.get(None, RUNS, key)
    return datetime.fromisoformat(text) if text else None


def remember(platform: Platform, **values: str) -> None:
    with platform.store.together():
        for key, value in values.items():
            platform.store.properties.set(None, RUNS, key.replace("_", "-"), value)


def change(platform: Platform, wanted: Mapping[str, str | None]) -> datetime:
    """Make this the schedule; when the next one is due by it."""
    with platform.store.together():
        for key, value in wanted.items():
            platform.store.properties.set(None, shelf.NAMESPACE, key, value)
        remember(platform, since=now())
    made = current(platform)
    if made is None:
        raise PaasError("there is no schedule")
    return due_at(platform, made)


def due_at(platform: Platform, schedule: Schedule) -> datetime:
    """When the next one is due; a time that passed while nobody was there counts once."""
    last = moment(platform, "last-run") or schedule.since
    before = min(max(last, schedule.since), datetime.now(UTC))  # a clock may have gone back
    return next_after(schedule.cron, before)


def run_if_due(platform: Platform) -> None:
    """Make the backup that is due; what goes wrong is an event, and stops nothing."""
    schedule = current(platform)
    if schedule is None or due_at(platform, schedule) > datetime.now(UTC):
        return
    remember(platform, last_run=now())
    try:
        result = run(platform, schedule)
    except PaasError as error:
        result = f"failed: {error.message}"
    except OSError as error:
        known = of_disk(error)
        result = f"failed: {known.message if known else error}"
    log.info("scheduled backup %s", result)
    remember(platform, last_result=result)


def run(platform: Platform, schedule: Schedule) -> str:
    """Make one, read it back, and let the oldest go; what came of it, in words."""
    passphrase = passphrase_in(Path(schedule.passphrase_file)) if schedule.passphrase_file else None
    wish = Wish(None, schedule.images, schedule.logs, passphrase)
    path = shelf.new_path(platform, scheduled=True, sealed=passphrase is not None)
    with silent() as console:
        done = to_file(platform, wish, path, console, ACTOR)
        with archive_at(path) as archive:
            restoring.verify(platform, archive, passphrase, console)
    for old in shelf.surplus(shelf.kept(platform), schedule.keep):
        old.path.unlink()
        log.info("removed %s: %d newer ones are kept", old.path, schedule.keep)
    return f"succeeded: {path.name}, {size(done)}"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
