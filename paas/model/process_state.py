"""What is remembered of one slot of an app, such as web.1: restarts, and how it last ended."""

from dataclasses import dataclass, replace
from datetime import datetime

from paas.model.container import ExitStatus


@dataclass(frozen=True, slots=True)
class ProcessState:
    """restarts and failures_in_a_row count from the last switch; the last exit stays known.

    gave_up: the restart policy has it stay down. memory_bytes is the limit the ended
    process had, exit_release the version it was of.
    """

    restarts: int = 0
    failures_in_a_row: int = 0
    gave_up: bool = False
    last_exit: ExitStatus | None = None
    last_exit_at: datetime | None = None
    exit_release: int = 0
    memory_bytes: int | None = None

    def fresh(self) -> "ProcessState":
        """The same slot with a new container that nobody has seen fail."""
        return replace(self, restarts=0, failures_in_a_row=0, gave_up=False)
