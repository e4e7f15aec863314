"""A platform whose containers and clock are the tests' own, and an app with a job."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from paas.cron.scheduler import Scheduler
from paas.model.app import App
from paas.model.job import Job, JobRun, State
from paas.model.release import Image
from paas.platform import Platform
from paas.settings import Settings
from paas.store.store import Store
from tests.deploy.small_platform import small_platform
from tests.engines.fake import FakeEngine

NOON = datetime(2026, 5, 4, 12, 0, 10, tzinfo=UTC)


@dataclass
class Clock:
    """What time it is, until a test says otherwise."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **much: int) -> None:
        self.now += timedelta(**much)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new database, made once."""
    directory = tmp_path_factory.mktemp("database")
    Store(Settings(state_dir=directory)).close()
    return directory / "paas.db"


@pytest.fixture
def platform(settings: Settings, migrated: Path) -> Iterator[Platform]:
    shutil.copy(migrated, settings.state_dir / "paas.db")
    with small_platform(settings) as made:
        yield made


@pytest.fixture
def engine(platform: Platform) -> FakeEngine:
    assert isinstance(platform.engine, FakeEngine)
    return platform.engine


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scheduler(platform: Platform, clock: Clock) -> Iterator[Scheduler]:
    """Not started: tests have it look and hand out."""
    made = Scheduler(platform, clock)
    made.hear()
    yield made
    made.stop()


def serve(platform: Platform, name: str, *jobs: dict[str, object]) -> App:
    """An app whose release has these jobs; each ends when a test says so."""
    app = platform.store.apps.find(name) or platform.store.apps.create(name)
    entries = [{"schedule": "* * * * *", "command": "sleep 60", "timezone": "UTC", **job}
               for job in jobs]  # fmt: skip
    image = Image(name, (), {}, manifest={"cron": entries})
    release = platform.store.releases.cut(app, image, {}, "x")
    platform.store.releases.succeed(release)
    return app


def job_of(platform: Platform, app: App) -> Job:
    from paas.cron.agenda import jobs_of

    return jobs_of(platform.store.releases.current(app))[0]


def runs(platform: Platform, app: App) -> list[JobRun]:
    """Of the app's first job, oldest first."""
    return platform.store.jobs.newest(app, job_of(platform, app).id, 100)[::-1]


def states(platform: Platform, app: App) -> list[State]:
    return [run.state for run in runs(platform, app)]
