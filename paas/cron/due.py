"""When a job is due, and what the clock has to say to that. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from paas.model.job import Job

# what is found no later than this was not missed: a minute is looked at while it lasts
LATE = timedelta(seconds=90)
# a clock that was set back by less makes up for it: nothing is run twice (as cron(8) has it)
SET_BACK = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Due:
    """A time that has come. missed: nobody was there when it came."""

    at: datetime
    missed: bool


def due(job: Job, handled_until: datetime, now: datetime, zone: tzinfo | None) -> Due | None:
    """What has come true after handled_until and by now; however often, it counts once."""
    first = job.next_after(handled_until, zone)
    if first > now:
        return None
    recent = job.next_after(max(handled_until, now - LATE), zone)
    return Due(recent, missed=False) if recent <= now else Due(first, missed=True)


def set_back(handled_until: datetime, now: datetime) -> bool:
    """Whether the clock was set so far back that times count anew."""
    return handled_until - now > SET_BACK
