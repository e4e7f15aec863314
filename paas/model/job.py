"""Jobs of an app: what its app.json has run at which times, and what came of a run. Pure."""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from paas.errors import UsageError
from paas.model import cron

# what crontab(5) knows by a name
NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
ID = re.compile(r"[a-z2-7]{16}")
CONCURRENCY = ("allow", "forbid", "replace")


@dataclass(frozen=True, slots=True)
class Job:
    """A command and when it is run. schedule is as it was written; zone "": the app's own.

    concurrency: what happens when it is due while it still runs. maintenance: it is not run.
    """

    command: str
    schedule: str
    zone: str = ""
    maintenance: bool = False
    concurrency: str = "allow"

    @property
    def id(self) -> str:
        """A name for it that stays for as long as command and times do."""
        text = f"{self.command}\x00{self.schedule}\x00{self.zone}"
        digest = hashlib.sha256(text.encode()).digest()
        return base64.b32encode(digest[:10]).decode().lower()

    def next_after(self, moment: datetime, zone: tzinfo | None) -> datetime:
        """When it is due next; zone: where the job names none (None: the machine's)."""
        return cron.next_after(
            spelled_out(self.schedule), moment, ZoneInfo(self.zone) if self.zone else zone
        )


def spelled_out(schedule: str) -> str:
    """Five fields also for @daily and the like."""
    return NAMED.get(schedule, schedule)


def times(text: str) -> str:
    """A schedule as it is kept, or UsageError when it never comes true."""
    cleaned = " ".join(text.split())
    return cleaned if cleaned in NAMED else cron.expression(cleaned)


def time_zone(text: str) -> str:
    """The name of a time zone, or UsageError."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{text[:80]!r} is not a time zone", "give its name, such as Europe/Berlin or UTC"
        ) from None
    return text


class State(StrEnum):
    """How far a run is, or how it ended."""

    WAITING = "waiting"  # for its turn
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"  # by somebody, by a later one or by its time
    SKIPPED = "skipped"  # was due and did not run
    LOST = "lost"  # nobody saw its end


UNDER_WAY = (State.STARTING, State.RUNNING)


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job. due_at None: somebody asked for it. words say why it ended so."""

    id: int
    app_id: int
    job_id: str
    state: State
    due_at: datetime | None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    container_id: str = ""
    container: str = ""
    code: int | None = None
    words: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class JobState:
    """What is remembered of a job: until when it has been looked at, and whether it rests."""

    handled_until: datetime
    suspended: bool = False
