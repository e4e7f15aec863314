"""Which apps' log files change. Touches: one inotify(7) instance, made when it is first needed."""

import logging
from collections.abc import Mapping
from pathlib import Path

from paas import inotify
from paas.inotify import Inotify

log = logging.getLogger(__name__)

MASK = inotify.MODIFIED | inotify.CREATED | inotify.MOVED_TO


class Watching:
    """Watches the directories of some apps, by their ids. Used by one thread."""

    def __init__(self) -> None:
        self._events: Inotify | None = None
        self._wanted: Mapping[int, Path] = {}
        self._watched: dict[int, int] = {}

    def only(self, directories: Mapping[int, Path]) -> None:
        """These from now on, as soon as each is there: see add()."""
        for app, number in list(self._watched.items()):
            if directories.get(app) != self._wanted[app]:
                del self._watched[app]
                if self._events:
                    self._events.forget(number)
        self._wanted = directories

    def add(self) -> list[int]:
        """Watch what was not watched; apps in whose files something may have come before."""
        return [app for app in self._wanted.keys() - self._watched.keys() if self._watch(app)]

    def _watch(self, app: int) -> bool:
        """True, also where the kernel has no watch to spare: then it is looked at each time."""
        directory = self._wanted[app]
        if not directory.is_dir():
            return False
        try:
            self._events = self._events or Inotify()
            self._watched[app] = self._events.watch(directory, MASK)
        except FileNotFoundError:
            return False
        except OSError as error:
            log.debug("log files are looked at instead of watched: %s", error)
        return True

    def changed(self, timeout_s: float) -> set[int]:
        """Apps whose files changed since it was last asked, after a while at most."""
        if self._events is None:
            return set()
        apps = {number: app for app, number in self._watched.items()}
        found: set[int] = set()
        while events := self._events.read(0 if found else timeout_s):
            for event in events:
                if event.mask & inotify.OVERFLOWED:
                    found |= self._watched.keys()
                elif (app := apps.get(event.watch)) is not None:
                    found.add(app)
                    if event.mask & inotify.IGNORED:
                        self._watched.pop(app, None)
        return found

    def close(self) -> None:
        if self._events:
            self._events.close()
            self._events = None
