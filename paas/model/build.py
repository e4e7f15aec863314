"""A build: one deploy of an app from its first word to its end, as it is recorded.

Pure. Names and states are dokku's (docs: advanced-usage/builds).
"""

import re
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 14
ID = re.compile(rf"[{DIGITS}]{{{ID_LENGTH}}}")


class BuildKind(StrEnum):
    """What is deployed: a new image, or one that was there."""

    BUILD = "build"
    DEPLOY = "deploy"


class BuildStatus(StrEnum):
    """How far it came; abandoned: its end was never noted, and it is not under way."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a build, such as its wait or its release task, and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Build:
    """A record. source: the command it came by; result: why it ended as it did, in a sentence.

    release: the version it made; None when it came to none, or to a restart.
    """

    id: str
    app_id: int
    kind: BuildKind
    source: str
    actor: str
    commit: str
    pid: int
    started_at: datetime
    status: BuildStatus = BuildStatus.RUNNING
    finished_at: datetime | None = None
    exit_code: int | None = None
    result: str = ""
    release: int | None = None
    phases: tuple[Phase, ...] = ()

    def duration_s(self, now: datetime) -> float:
        """How long it took, or has taken so far."""
        return max(0.0, ((self.finished_at or now) - self.started_at).total_seconds())


def new_id() -> str:
    """An id that sorts by time: the milliseconds since 1970, then a random part."""
    moment, chance = int(time.time() * 1000), secrets.randbelow(36**5)
    return in_digits(moment, ID_LENGTH - 5) + in_digits(chance, 5)


def in_digits(number: int, width: int) -> str:
    """A number in base 36."""
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
    return text
