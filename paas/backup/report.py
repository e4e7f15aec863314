"""What a worker says to the daemon: a line of JSON for each thing, on its standard error.

Touches: that descriptor. A worker whose daemon is gone learns of it here.
"""

import json
import os
import time
from typing import Any

from paas.errors import PaasError

EVERY_S = 5.0


class Report:
    """The worker's side. alive() may be called as often as one likes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._last = time.monotonic()

    def step(self, text: str) -> None:
        """A part of the work begins."""
        self._say(step=text)

    def detail(self, text: str) -> None:
        """Something about it."""
        self._say(detail=text)

    def alive(self, done_bytes: int) -> None:
        """Tell from time to time how far it is."""
        now = time.monotonic()
        if now - self._last >= EVERY_S:
            self.detail(f"{done_bytes >> 20:,} MiB so far")

    def failed(self, error: PaasError) -> None:
        """It could not be done."""
        self._say(error={"message": error.message, "hint": error.hint, "exit": error.exit_code})

    def done(self, result: dict[str, Any]) -> None:
        """It is done, with this result."""
        self._say(done=result)

    def _say(self, **words: Any) -> None:
        self._last = time.monotonic()
        data = json.dumps(words).encode() + b"\n"
        while data:
            data = data[os.write(self._descriptor, data) :]
