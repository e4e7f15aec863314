"""Apps and how many of each process type run."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class App:
    """One app. `slot` is its place in the uid and address ranges, for its whole life."""

    id: int
    name: str
    slot: int
    created_at: datetime
    locked: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Formation:
    """How many instances of each process type should run; types not named: web 1, others 0."""

    counts: dict[str, int] = field(default_factory=dict)

    def count(self, process_type: str) -> int:
        """Instances wanted of one type."""
        return self.counts.get(process_type, 1 if process_type == "web" else 0)
