"""The shelf: the folder where the instance's own backups are, and which of them stay.

Touches: that folder; of its files only those with a name that is given here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from paas.backup.footer import is_sealed, payload_bytes
from paas.errors import PaasError
from paas.platform import Platform
from paas.settings import Settings

NAMESPACE = "backup"
STAMP = "%Y%m%dT%H%M%SZ"
SEALED_SUFFIX = ".enc"
SUFFIX = ".tar.zst"


@dataclass(frozen=True, slots=True)
class Kept:
    """One backup on the shelf; problem: why it is of no use, "" when it looks whole."""

    path: Path
    made_at: datetime
    bytes: int
    scheduled: bool
    sealed: bool
    problem: str = ""


def folder(platform: Platform) -> Path:
    """Where backups go when nobody says where."""
    chosen = platform.store.properties.get(None, NAMESPACE, "directory")
    return Path(chosen) if chosen else default_folder(platform.settings)


def default_folder(settings: Settings) -> Path:
    return settings.state_dir / "backups"


def new_path(platform: Platform, *, scheduled: bool, sealed: bool) -> Path:
    """The file of a backup that is made now; its folder is there when this returns."""
    place = folder(platform)
    if place == default_folder(platform.settings):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = f"{datetime.now(UTC):{STAMP}}"
    kind = "scheduled-" if scheduled else ""
    name = f"{platform.settings.name}-{kind}{stamp}{SUFFIX}{SEALED_SUFFIX if sealed else ''}"
    return place / name


def kept(platform: Platform) -> list[Kept]:
    """Every backup on the shelf, newest first."""
    place = folder(platform)
    pattern = re.compile(
        rf"{platform.settings.name}-(?P<scheduled>scheduled-)?(?P<stamp>\d{{8}}T\d{{6}}Z)"
        rf"{re.escape(SUFFIX)}({re.escape(SEALED_SUFFIX)})?"
    )
    found = []
    for path in place.iterdir() if place.is_dir() else ():
        if match := pattern.fullmatch(path.name):
            made_at = datetime.strptime(match["stamp"], STAMP).replace(tzinfo=UTC)
            found.append(looked_at(path, made_at, scheduled=match["scheduled"] is not None))
    return sorted(found, key=lambda one: (one.made_at, one.path.name), reverse=True)


def looked_at(path: Path, made_at: datetime, *, scheduled: bool) -> Kept:
    """A backup, and whether its end is there; only backup:verify reads all of it."""
    problem, sealed, size = "", path.name.endswith(SEALED_SUFFIX), 0
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            sealed = is_sealed(file.fileno())
            payload_bytes(file.fileno())
    except PaasError as error:
        problem = error.message
    except OSError as error:
        problem = (error.strerror or "").lower()
    return Kept(path, made_at, size, scheduled, sealed, problem)


def surplus(found: Sequence[Kept], keep: int) -> list[Kept]:
    """Scheduled backups beyond the newest `keep` that look whole; others are nobody's to delete."""
    whole = [one for one in found if one.scheduled and not one.problem]
    return whole[keep:]
