"""A collection: layers found to be unneeded are removed, but none that is needed by now."""

from collections.abc import Callable
from pathlib import Path

from paas.image.holds import Holds


class Collection:
    """Removes layers that nobody has held or touched since it began (Layers.collecting)."""

    def __init__(
        self,
        holds: Holds,
        seen: set[str],
        dependents: Callable[[str], int],
        take_away: Callable[[str], Path | None],
    ) -> None:
        self._holds = holds
        self._seen = seen
        self._dependents = dependents
        self._take_away = take_away

    def is_free(self, layer_id: str) -> bool:
        """Whether nobody has needed it since, and no other layer has its files."""
        with self._holds.lock:
            return layer_id not in self._seen and not self._dependents(layer_id)

    def remove(self, layer_id: str) -> Path | None:
        """Take a layer away; where its files are to be deleted (bury), None when it stays."""
        with self._holds.lock:
            return self._take_away(layer_id) if self.is_free(layer_id) else None
