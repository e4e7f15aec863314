"""A round: one collection under way, with what it may remove and what it has removed."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from paas.image.errands import Errands
from paas.model.app import App
from paas.platform import Platform
from paas.upkeep.waste import Outcome, Waste

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a collection is to do.

    everything: also what may serve again and is not old. only: what is of one app.
    enough: asked before each thing that may serve again is removed, oldest first; None:
    such things go by their age alone.
    """

    dry: bool = False
    everything: bool = False
    only: App | None = None
    enough: Callable[[], bool] | None = None


@dataclass(slots=True)
class Round:
    """The state of one collection; its steps note here what they freed."""

    platform: Platform
    errands: Errands
    wish: Wish
    freed: list[Waste] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        return Outcome(tuple(self.freed), tuple(dict.fromkeys(self.busy)), self.wish.dry)

    def note(self, kind: str, name: str, bytes_: int = 0, app: str = "") -> None:
        """Something was freed, or would be."""
        self.freed.append(Waste(kind, name, bytes_, app))

    def delete(self, kind: str, path: Path, name: str = "", app: str = "") -> None:
        """Delete a tree (or file) of our own, and note it; what cannot be deleted stays."""
        size = self.errands.measure(path).own_bytes
        try:
            if not self.wish.dry:
                self.errands.remove(path)
        except OSError as error:
            log.warning("%s stays: %s", path, error)
            return
        self.note(kind, name or path.name, size, app)

    def apps(self) -> list[App]:
        """The apps this collection is about."""
        return [self.wish.only] if self.wish.only else self.platform.store.apps.list()

    @contextmanager
    def undisturbed(self, app: App) -> Iterator[App | None]:
        """The app as it is now, under its lock; None when somebody is at it, or it is gone."""
        with self.platform.locks.attempt(app.name) as free:
            now = self.platform.store.apps.find(app.name) if free else None
            if not free:
                self.busy.append(app.name)
            yield now if now is not None and now.id == app.id else None
