"""Restart policies: whether a process that ended is started again, and after how long.

Words are Docker's, which dokku takes over: always, unless-stopped, on-failure[:N], no.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from paas.errors import UsageError
from paas.model.container import ExitStatus

FIRST_BACKOFF_S = 0.2
LAST_BACKOFF_S = 60.0


class When(StrEnum):
    """After which ends a process is started again. A stopped app's processes never are."""

    ALWAYS = "always"
    UNLESS_STOPPED = "unless-stopped"
    ON_FAILURE = "on-failure"
    NO = "no"


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """failures is how many in a row are borne; None: any number."""

    when: When = When.ALWAYS
    failures: int | None = None

    @classmethod
    def parse(cls, text: str) -> "RestartPolicy":
        """From `on-failure:10`; UsageError for words that are none."""
        found = re.fullmatch(r"on-failure(?::([1-9]\d{0,3}))?", text, re.ASCII)
        if found:
            return cls(When.ON_FAILURE, int(found[1]) if found[1] else None)
        if text in list(When):
            return cls(When(text))
        raise UsageError(
            f"{text[:80]!r} is not a restart policy",
            "give always, unless-stopped, on-failure, on-failure:10 or no",
        )

    def __str__(self) -> str:
        return f"{self.when}:{self.failures}" if self.failures else str(self.when)

    def restarts(self, ended: ExitStatus | None, failures_in_a_row: int) -> bool:
        """Whether a process that ended so, this often in a row, is started again."""
        if self.when is When.NO:
            return False
        if self.when is not When.ON_FAILURE:
            return True
        failed = ended is None or ended.code != 0
        return failed and (self.failures is None or failures_in_a_row <= self.failures)


def backoff_s(failures_in_a_row: int) -> float:
    """Seconds before the next start: doubling from 0.2 to 60."""
    doublings = min(max(0, failures_in_a_row - 1), 16)
    return float(min(FIRST_BACKOFF_S * 2**doublings, LAST_BACKOFF_S))
