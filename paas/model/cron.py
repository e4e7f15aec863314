"""Cron expressions: when something is due, in the machine's own time zone. Reads that zone."""

import re
from datetime import datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from paas.errors import UsageError

EVERY = re.compile(r"(?P<count>[1-9]\d{0,3})(?P<unit>[mhd])", re.ASCII)
UNITS = {"m": 60, "h": 3600, "d": 86_400}
LOCAL_TIME = Path("/etc/localtime")  # tzfile(5)


def expression(text: str) -> str:
    """The expression, five fields between single spaces; UsageError when it never comes true."""
    cleaned = " ".join(text.split())
    try:
        if len(cleaned.split(" ")) != 5:
            raise CronSimError("five fields are needed")
        next(CronSim(cleaned, datetime(2024, 1, 1)))  # noqa: DTZ001 - any moment will do
    except (CronSimError, StopIteration) as error:
        raise UsageError(
            f"{text[:80]!r} is not a time to repeat at: {error}",
            'write minute, hour, day, month and weekday as cron does: "0 3 * * *"',
        ) from error
    return cleaned


def repeating(text: str) -> str:
    """How often something is done: `15m`, `6h`, `1d`, or a cron expression; UsageError else."""
    if EVERY.fullmatch(text):
        return text
    return expression(text)


def due_after(rule: str, moment: datetime) -> datetime:
    """When it is due next, after a moment with a zone, by a rule that `repeating` gave."""
    if match := EVERY.fullmatch(rule):
        return moment + timedelta(seconds=int(match["count"]) * UNITS[match["unit"]])
    return next_after(rule, moment)


def next_after(cron: str, moment: datetime, zone: tzinfo | None = None) -> datetime:
    """When an expression comes true next, after a moment with a zone."""
    return next(CronSim(cron, moment.astimezone(zone or local_zone())))


@cache
def local_zone() -> tzinfo:
    """The machine's zone, with its summer time; UTC where none is set."""
    try:
        with LOCAL_TIME.open("rb") as file:
            return ZoneInfo.from_file(file, "local")
    except (OSError, ValueError):
        return ZoneInfo("UTC")
