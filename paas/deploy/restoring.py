"""Restoring: every slot that should run and does not is started, a few at a time, in order.

As after a reboot. An app waits until those it needs are up, or have been tried: one
that cannot be started keeps nobody from starting.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from paas.deploy import again, arriving, ending, fleet, order, roll
from paas.deploy.boot import Slot
from paas.deploy.release import manifest_of
from paas.model.app import App
from paas.platform import Platform

log = logging.getLogger(__name__)

# how many slots are being brought up at once, and how long one may count as such
AT_ONCE = 4
TURN_S = 2.0
LOOK_EVERY_S = 0.5

Start = Callable[[str, Slot], bool]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One slot of one app that waits to be started; they sort as they are to be started."""

    rank: tuple[int, int]
    app: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be started, the most urgent first, and which apps (by name) each waits for.

    most: of an app's process types that say so, how many at once.
    """

    places: Sequence[Place]
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    most: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def missing(platform: Platform) -> Plan:
    """Every slot that should run and does not: apps of a high priority first, web first."""
    places: list[Place] = []
    with platform.store.view():
        apps = platform.store.apps.list()
        urgency = order.urgencies(platform, apps)
        most: dict[str, Mapping[str, int]] = {}
        for app in apps:
            if slots := missing_of(platform, app):
                places += [Place((-urgency[app.id], slot.rank), app.name, slot) for slot in slots]
                most[app.name] = max_parallel(platform, app)
        return Plan(sorted(places), needed(platform, apps), most)


def max_parallel(platform: Platform, app: App) -> Mapping[str, int]:
    """How many of each process type may start at once, where app.json says so."""
    release = platform.store.releases.current(app)
    return manifest_of(release).max_parallel if release else {}


def needed(platform: Platform, apps: Sequence[App]) -> dict[str, tuple[str, ...]]:
    """The apps, of these, that each is started after, by name."""
    names = {app.id: app.name for app in apps}
    return {
        app.name: tuple(names[one] for one in order.needs(platform, app) if one in names)
        for app in apps
    }


def missing_of(platform: Platform, app: App) -> list[Slot]:
    """The slots of an app that should run and do not, without those that were given up."""
    release = platform.store.releases.current(app)
    if release is None or ending.begun(platform, app) or arriving.begun(platform, app):
        return []
    if not again.whole(platform, release.image):  # whoever brings it up builds it first
        return []
    state = platform.store.process_states.get
    return [
        slot
        for slot in roll.missing(platform, app, release)
        if not state(app, slot.process, slot.index).gave_up
        and not fleet.is_reserved(app, slot.name)
    ]


class Restoring:
    """One pass over a plan."""

    def __init__(
        self,
        plan: Plan,
        start: Start,
        stopped: Callable[[], bool],
        *,
        at_once: int = AT_ONCE,
        turn_s: float | None = TURN_S,
    ) -> None:
        """start: bring a slot up in the calling thread; whether it is up.

        turn_s: how long one may count as one of those at once; None: until it is over.
        """
        self._after = plan.after
        self._most = plan.most
        self._waiting = list(plan.places)
        self._start = start
        self._stopped = stopped
        self._at_once = at_once
        self._turn_s = turn_s
        self._changed = threading.Condition()
        self._left = Counter(place.app for place in plan.places)  # slots not yet up or tried
        self._turns: set[Place] = set()  # those that count as being brought up
        self._under_way: Counter[tuple[str, str]] = Counter()
        self._failed: set[str] = set()

    def run(self) -> None:
        """Return once every slot has been started or tried; when stopped, those begun with."""
        with self._changed:
            while self._waiting or self._under_way.total():
                if self._stopped():
                    self._waiting.clear()
                place = self._next()
                if place is None:
                    self._changed.wait(LOOK_EVERY_S)
                else:
                    self._begin(place)

    def _next(self) -> Place | None:
        """The most urgent slot that need not wait; None when there is none, or no turn."""
        if len(self._turns) >= self._at_once or not self._waiting:
            return None
        for place in self._waiting:
            waits = any(self._left[name] for name in self._after.get(place.app, ()))
            if not waits and not self._is_full(place):
                return place
        return None if self._under_way.total() else self._waiting[0]

    def _is_full(self, place: Place) -> bool:
        """Whether as many of the place's process type are under way as may be."""
        kind = place.slot.process
        most = self._most.get(place.app, {}).get(kind, 0)
        return most > 0 and self._under_way[place.app, kind] >= most

    def _begin(self, place: Place) -> None:
        self._waiting.remove(place)
        self._turns.add(place)
        self._under_way[place.app, place.slot.process] += 1
        if down := self._failed.intersection(self._after.get(place.app, ())):
            log.warning("%s starts although %s is not up", place.app, ", ".join(sorted(down)))
        threading.Thread(
            target=self._bring_up, args=(place,), name=f"restore-{place.app}", daemon=True
        ).start()

    def _bring_up(self, place: Place) -> None:
        """Start one slot; its turn is over when it is up or has been tried, or after a while."""
        timer = threading.Timer(self._turn_s or 0, self._give_back, (place,))
        timer.daemon = True
        if self._turn_s is not None:
            timer.start()
        up = False
        try:
            up = self._start(place.app, place.slot)
        except Exception:
            log.exception("%s of %s could not be started", place.slot.name, place.app)
        finally:
            timer.cancel()
            self._done(place, up=up)

    def _give_back(self, place: Place) -> None:
        with self._changed:
            self._turns.discard(place)
            self._changed.notify_all()

    def _done(self, place: Place, *, up: bool) -> None:
        """At once with its turn: who waited for this app comes before who is less urgent."""
        with self._changed:
            self._under_way[place.app, place.slot.process] -= 1
            self._left[place.app] -= 1
            if not up:
                self._failed.add(place.app)
            self._give_back(place)
