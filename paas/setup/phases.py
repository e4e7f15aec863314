"""Announces the phases of a long errand and remembers what each took.

Touches: the console and the clock.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from paas.console import Console


class Phases:
    """Steps shown as they begin, and a table of their seconds at the end."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.began = time.monotonic()
        self.taken: list[tuple[str, float]] = []

    @contextmanager
    def phase(self, name: str, title: str) -> Iterator[None]:
        """Announce the title; when the block ends well, note its seconds under the name."""
        self.console.step(title)
        start = time.monotonic()
        yield
        self.taken.append((name, time.monotonic() - start))

    def total_s(self) -> float:
        """Seconds since the errand began."""
        return time.monotonic() - self.began

    def table(self) -> list[tuple[str, str]]:
        """Rows of name and seconds, the total last."""
        rows = [(name, f"{seconds:6.1f} s") for name, seconds in self.taken]
        return [*rows, ("total", f"{self.total_s():6.1f} s")]
