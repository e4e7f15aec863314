"""Builds: every deploy is recorded, with all it says, until there are newer ones enough.

A record is made before the deploy's first word and ended after its last; the thread that
deploys is in one recording, and steps that are deploys themselves join it. What cannot be
recorded stops nothing. Touches: <state_dir>/builds/<app>/<id>.log.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from paas.console import Console, plain
from paas.deploy import policies
from paas.errors import Cancelled, PaasError
from paas.model.app import App
from paas.model.build import Build, BuildKind, BuildStatus, Phase, new_id
from paas.model.release import Release
from paas.platform import Platform
from paas.turns import Replaced

log = logging.getLogger(__name__)

ENDED_EARLY = "the daemon ended before it did"
BY_ITSELF = "paas"  # the source of what nobody asked for
TOO_MUCH = b"       (it said too much; the rest is not kept)\n"
CHUNK = 65536
LOOK_EVERY_S = 0.5
END_S = 30.0


class Recording:
    """A build under way: its record so far, its log, and its console."""

    def __init__(self, build: Build, console: Console, file: BinaryIO | None, most: int) -> None:
        self.build = build
        self.console = console
        self.over = False
        self._file = file
        self._left = most
        self._news = threading.Condition()
        self._phase = ("waiting", time.monotonic())
        self._phases: list[Phase] = []

    # -- what it says ------------------------------------------------------------------

    def hear(self, data: bytes) -> None:
        """Keep what was said, as far as there is room; whoever follows is woken."""
        with self._news:
            if self._file is not None and self._left > 0:
                self._left -= len(data)
                try:
                    self._file.write(data if self._left > 0 else TOO_MUCH)
                except OSError:
                    log.exception("the log of build %s ends early", self.build.id)
                    self._left = 0
            self._news.notify_all()

    def wait(self, *, for_end: bool = False, timeout_s: float = LOOK_EVERY_S) -> None:
        """Return when there may be something new, or when it is over; or the time is."""
        with self._news:
            if for_end:
                self._news.wait_for(lambda: self.over, timeout_s)
            elif not self.over:
                self._news.wait(timeout_s)

    # -- how far it is -----------------------------------------------------------------

    def enter(self, phase: str) -> None:
        """A phase begins, and the one before it is over."""
        name, began = self._phase
        now = time.monotonic()
        self._phases.append(Phase(name, now - began))
        self._phase = (phase, now)

    @property
    def so_far(self) -> Build:
        """The record as it is now; the phase that it is in is the last."""
        name, began = self._phase
        phases = (*self._phases, Phase(name, time.monotonic() - began))
        return replace(self.build, phases=phases)

    def finish(self) -> None:
        """Nothing more is said."""
        with self._news:
            self.over = True
            self._news.notify_all()
        if self._file is not None:
            self._file.close()


_here = threading.local()  # .recording: the one this thread is in
_under_way: dict[str, Recording] = {}


def current() -> Recording | None:
    """The recording this thread is in."""
    return getattr(_here, "recording", None)


def at(phase: str) -> None:
    """A phase of the deploy begins."""
    if (recording := current()) is not None:
        recording.enter(phase)


def made(release: Release) -> None:
    """The deploy has come to a release."""
    if (recording := current()) is not None:
        recording.build = replace(recording.build, release=release.version)


@contextmanager
def recorded(
    platform: Platform,
    name: str,
    console: Console,
    kind: BuildKind,
    actor: str,
    commit: str = "",
) -> Iterator[None]:
    """Record the block as a build of an app; inside another one it is a part of that."""
    if current() is not None:
        yield
        return
    app = platform.store.apps.get(name)
    source = console.command or BY_ITSELF
    build = Build(new_id(), app.id, kind, source, actor, commit, os.getpid(), moment())
    recording = begun(platform, app, build, console)
    try:
        with console.overheard(recording.hear):
            yield
    except BaseException as error:
        ended(platform, app, failure(recording, error), recording)
        raise
    else:
        status = BuildStatus.SUCCEEDED
        ended(platform, app, replace(recording.so_far, status=status, exit_code=0), recording)


def moment() -> datetime:
    return datetime.now(UTC)


def begun(platform: Platform, app: App, build: Build, console: Console) -> Recording:
    """A recording that this thread is in from here on."""
    file = None
    with attempted("the build of %s is not recorded", app.name):
        path = log_path(platform, app, build.id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = path.open("xb", buffering=0)
        platform.store.builds.begin(build)
    recording = Recording(build, console, file, platform.settings.build_log_bytes)
    _under_way[build.id] = _here.recording = recording
    return recording


def ended(platform: Platform, app: App, build: Build, recording: Recording) -> None:
    """The record's last state; what is beyond the app's retention goes."""
    _here.recording = None
    try:
        with attempted("the end of build %s is not recorded", build.id):
            platform.store.builds.end(replace(build, finished_at=moment()))
    finally:
        recording.finish()
        del _under_way[build.id]
    with attempted("old builds of %s stay for now", app.name):
        prune(platform, app)


@contextmanager
def attempted(words: str, name: str) -> Iterator[None]:
    """What must not stop a deploy, nor hide how it ended."""
    try:
        yield
    except (PaasError, OSError):
        log.exception(words, name)


def failure(recording: Recording, error: BaseException) -> Build:
    """How a build ended that an error ended; its log has what the caller is told."""
    known = error if isinstance(error, PaasError) else PaasError(type(error).__name__)
    for line in (*known.message.splitlines(), *known.hint.splitlines()):
        recording.hear(f" !     {plain(line)}\n".encode(errors="replace"))
    gave_way = isinstance(error, Cancelled | Replaced)
    status = BuildStatus.CANCELED if gave_way else BuildStatus.FAILED
    so_far, code, words = recording.so_far, known.exit_code, plain(known.message)
    return replace(so_far, status=status, exit_code=code, result=words)


# -- looking -----------------------------------------------------------------------------


def log_path(platform: Platform, app: App, build_id: str) -> Path:
    """Where all that a build said is."""
    return platform.settings.state_dir / "builds" / app.name / f"{build_id}.log"


def as_it_is(build: Build) -> Build:
    """A record with what is known of it while it is under way, or that nobody is at it."""
    if build.status is not BuildStatus.RUNNING:
        return build
    recording = _under_way.get(build.id)
    return recording.so_far if recording else replace(build, status=BuildStatus.ABANDONED)


def listed(platform: Platform, app: App) -> list[Build]:
    """An app's builds as they are, those under way first, then the newest."""
    found = [as_it_is(one) for one in platform.store.builds.list(app)]
    return sorted(found, key=lambda one: one.status is not BuildStatus.RUNNING)


def running(platform: Platform, app: App | None = None) -> list[Build]:
    """Those under way, of an app or of all, newest first."""
    found = [as_it_is(one) for one in platform.store.builds.running()]
    mine = [one for one in found if app is None or one.app_id == app.id]
    return [one for one in mine if one.status is BuildStatus.RUNNING]


def output(
    platform: Platform, app: App, build: Build, show: Callable[[str], None], *, follow: bool
) -> None:
    """Show what a build said, terminal-safe; follow: and what it says from now on, to its end.

    show may raise to stop it. PaasError when its log is not kept.
    """
    try:
        file = log_path(platform, app, build.id).open(errors="replace", newline="\n")
    except FileNotFoundError as error:
        raise PaasError(f"the log of build {build.id} is not here") from error
    with file:
        while True:
            recording = _under_way.get(build.id) if follow else None
            over = recording is None or recording.over
            while data := file.read(CHUNK):
                show(plain(data))
            if over or recording is None:
                return
            recording.wait()
            show("")


# -- ending and forgetting -----------------------------------------------------------------


def cancel(platform: Platform, app: App, actor: str) -> Sequence[Build]:
    """Cancel an app's builds that are under way, and wait for their end; how they ended."""
    found = [_under_way.get(one.id) for one in running(platform, app)]
    recordings = [one for one in found if one is not None]
    for one in recordings:  # the one that works last, so that none takes its turn
        one.console.cancel(f"cancelled by {actor}")
    for one in recordings:
        one.wait(for_end=True, timeout_s=END_S)
    return [as_it_is(platform.store.builds.get(app, one.build.id)) for one in recordings]


def prune(platform: Platform, app: App) -> int:
    """Forget builds beyond the app's retention, and have those end that nobody is at."""
    platform.store.builds.fail_running(ENDED_EARLY, _under_way, app)
    return forget(
        platform, app, platform.store.builds.surplus(app, policies.builds_kept(platform, app))
    )


def forget(platform: Platform, app: App, ids: Sequence[str]) -> int:
    """Have builds be gone, log first."""
    for build_id in ids:
        with suppress(FileNotFoundError):
            log_path(platform, app, build_id).unlink()
    if ids:
        platform.store.builds.forget(app, ids)
    return len(ids)


def fail_abandoned(platform: Platform) -> None:
    """At the daemon's start: what the last one left has failed."""
    platform.store.builds.fail_running(ENDED_EARLY)
