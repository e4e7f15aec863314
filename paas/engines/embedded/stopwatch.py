"""How long the steps of something took, for one log line."""

import time


class Stopwatch:
    """Laps in milliseconds; as text: `83 ms (prepare 12, create 60, ...)`."""

    def __init__(self) -> None:
        self._began = self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """The step that just ended."""
        now = time.perf_counter()
        self.laps[name] = (now - self._last) * 1000
        self._last = now

    def __str__(self) -> str:
        steps = ", ".join(f"{name} {spent:.1f}" for name, spent in self.laps.items())
        return f"{(self._last - self._began) * 1000:.0f} ms ({steps})"
