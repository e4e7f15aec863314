"""The scheduler: looks at the clock, and gives what is due its turn in a bounded crew.

What is due is written down before it waits, so that a daemon that is killed forgets
nothing of it. A thousand jobs at midnight wait for each other, app by app.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

from paas.cron import rules, running
from paas.cron.agenda import Agenda, Entry
from paas.cron.due import LATE, Due, due, set_back
from paas.cron.rules import Rules
from paas.deploy import fleet
from paas.model.app import App
from paas.model.container import Container
from paas.model.job import UNDER_WAY, Job, JobRun, JobState, State
from paas.platform import Platform

log = logging.getLogger(__name__)

CREW = 4  # threads; a start takes a tenth of a second
LOOK_EVERY_S = 5.0
LOST_S = 120.0
TOGETHER = 50  # jobs noted in one transaction: others want to write, too
STILL_WAITS = "skipped: the time before still waits for its turn"


def utc_now() -> datetime:
    return datetime.now(UTC)


class Scheduler:
    """Runs jobs at their times, from start() to stop()."""

    def __init__(self, platform: Platform, clock: Callable[[], datetime] = utc_now) -> None:
        self._platform = platform
        self._clock = clock
        self._agenda = Agenda(platform)
        self._crew = ThreadPoolExecutor(CREW, thread_name_prefix="cron")
        self._taken: set[int] = set()  # runs whose turn it is
        self._looked_at: datetime | None = None
        self._missing: dict[int, float] = {}  # runs without a container, and since when
        self._news = threading.Event()
        self._stopped = False

    def hear(self) -> None:
        """Be told of ends, and settle what ended unseen; before anything is tidied up."""
        self._platform.engine.on_exit(self._ended)
        running.adopt(self._platform)

    def start(self) -> None:
        threading.Thread(target=self._run, name="cron", daemon=True).start()

    def stop(self) -> None:
        """Start nothing more; what runs goes on."""
        self._stopped = True
        self._news.set()
        self._crew.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopped:
            for step in (self.look_if_time, self.hand_out):
                try:
                    step()
                except Exception:
                    log.exception("a step of the scheduler failed")
            self._news.wait(LOOK_EVERY_S)
            self._news.clear()

    # -- what is due -------------------------------------------------------------------

    def look_if_time(self) -> None:
        """Look once a minute, and when the clock was set or another release serves."""
        minute = self._clock().replace(second=0, microsecond=0)
        if minute != self._looked_at or self._agenda.is_old():
            self.give_up_lost()
            self.look()
            self._looked_at = minute

    def give_up_lost(self) -> None:
        """Runs without a container for a while are over, whatever kept us from hearing it."""
        under_way = self._platform.store.jobs.with_state(*UNDER_WAY)
        missing = {run.id: run for run in under_way
                   if self._platform.engine.get(run.container_id) is None}  # fmt: skip
        now_s = time.monotonic()
        self._missing = {number: self._missing.get(number, now_s) for number in missing}
        for number, since_s in self._missing.items():
            app = self._platform.store.apps.by_id(missing[number].app_id)
            if app is not None and now_s - since_s >= LOST_S:
                words = running.NOT_SEEN
                running.over(self._platform, app, missing[number], State.LOST, words)

    def look(self) -> None:
        """Write down what is due by now; from then on it waits for its turn."""
        now, agenda = self._clock(), self._agenda.now()
        jobs = self._platform.store.jobs
        with self._platform.store.view():
            states = jobs.states()
            found = [*self._judged(agenda, states, now)]
        present = {(app.id, job.id) for app, entry in agenda for job in entry.jobs}
        gone = [key for key in states if key not in present]
        if gone:
            jobs.forget(gone)
        waiting = {(run.app_id, run.job_id) for run in jobs.with_state(State.WAITING)}
        for some in (found[at : at + TOGETHER] for at in range(0, len(found), TOGETHER)):
            with self._platform.store.together():
                for app, job, come in some:
                    jobs.handled(app.id, job.id, now)
                    if come is not None:
                        self._note(app, job, come, waits=(app.id, job.id) in waiting)

    def _judged(
        self,
        agenda: Sequence[tuple[App, Entry]],
        states: dict[tuple[int, str], JobState],
        now: datetime,
    ) -> Iterator[tuple[App, Job, tuple[Due, Rules] | None]]:
        """Jobs that have to be remembered up to now, those that are to run with their time."""
        for app, entry in agenda:
            try:
                yield from [*self._judged_of(app, entry, states, now)]
            except Exception:  # one app's jobs keep nobody else's waiting
                log.exception("the jobs of %s could not be looked at", app.name)

    def _judged_of(
        self, app: App, entry: Entry, states: dict[tuple[int, str], JobState], now: datetime
    ) -> Iterator[tuple[App, Job, tuple[Due, Rules] | None]]:
        of_app = rules.rules(self._platform, app)
        for job in entry.jobs:
            state = states.get((app.id, job.id))
            since = counted_from(state, entry, now)
            come = due(job, since, now, of_app.zone)
            if come is not None:
                rests = rules.resting(self._platform, app, job, state, of_app)
                yield app, job, (None if rests else (come, of_app))
            elif state is None or since != state.handled_until:
                yield app, job, None

    def _note(self, app: App, job: Job, come: tuple[Due, Rules], *, waits: bool) -> None:
        found, of_app = come
        words = f"missed at {found.at:%Y-%m-%d %H:%M %Z}" if found.missed else ""
        state = State.WAITING
        if found.missed and of_app.missed == rules.SKIP:
            state, words = State.SKIPPED, f"skipped: {words}"
        elif waits:
            state, words = State.SKIPPED, STILL_WAITS
        number = self._platform.store.jobs.add(
            app.id, job.id, state, due_at=found.at, words=words, actor=running.SCHEDULE
        )
        if found.missed:
            self._platform.logs.append(app.name, f"job {job.id} {words}")
        if state is State.SKIPPED:
            running.tell(self._platform, app, number)

    # -- whose turn it is --------------------------------------------------------------

    def hand_out(self) -> None:
        """Give a turn to as many that wait as there is room for, no app before the others."""
        jobs, settings = self._platform.store.jobs, self._platform.settings
        waiting = [
            one
            for one in jobs.with_state(State.WAITING)
            if one.due_at is not None and one.id not in self._taken  # the others' askers start them
        ]
        if not waiting:
            return
        going_on = Counter(one.app_id for one in jobs.with_state(*UNDER_WAY))
        room = settings.cron_at_once - going_on.total() - len(self._taken)
        for run in fairly(waiting, going_on)[: max(0, room)]:
            self._taken.add(run.id)
            self._crew.submit(self._take, run)

    def _take(self, run: JobRun) -> None:
        try:
            running.take_turn(self._platform, run)
        except Exception:
            log.exception("run %d of job %s failed", run.id, run.job_id)
        finally:
            self._taken.discard(run.id)
            self._news.set()

    def _ended(self, container: Container) -> None:
        """Called by the engine for every container that ended."""
        if not container.spec.job_id or self._stopped:
            return  # the next daemon sees how it ended
        running.ended(self._platform, container)
        self._news.set()
        with suppress(RuntimeError):  # it has been stopped since
            self._crew.submit(self._tell, container)

    def _tell(self, container: Container) -> None:
        try:
            app = fleet.owner(self._platform, container)
            run = self._platform.store.jobs.in_container(container.id)
            if app is not None and run is not None:
                running.tell(self._platform, app, run.id)
        except Exception:
            log.exception("the end of %s could not be told", container.id)


def counted_from(state: JobState | None, entry: Entry, now: datetime) -> datetime:
    """From when on a job's times count: a new one's from when its release began to serve."""
    if state is None:
        return min(now, max(entry.since, now - LATE))
    return now if set_back(state.handled_until, now) else state.handled_until


def fairly(waiting: Sequence[JobRun], going_on: Counter[int]) -> list[JobRun]:
    """Those that wait, in the order of their turns: each app's first before any's second."""
    counted = Counter(going_on)
    places: list[tuple[int, int, JobRun]] = []
    for run in waiting:
        places.append((counted[run.app_id], run.id, run))
        counted[run.app_id] += 1
    return [run for _, _, run in sorted(places, key=lambda place: place[:2])]
