"""The agenda: which jobs there are, by the releases that serve."""

import logging
from dataclasses import dataclass
from datetime import datetime

from paas.errors import PaasError
from paas.model.app import App
from paas.model.app_json import jobs
from paas.model.job import Job
from paas.model.release import Release
from paas.platform import Platform

log = logging.getLogger(__name__)


def jobs_of(release: Release | None) -> tuple[Job, ...]:
    """The jobs of a release; none of one whose app.json we do not understand any more."""
    try:
        return jobs(release.image.manifest) if release else ()
    except PaasError as error:
        log.warning("jobs of release %s are left out: %s", release and release.name, error)
        return ()


def find(platform: Platform, app: App, job_id: str) -> Job:
    """One job of the release that serves; PaasError with those there are."""
    every = jobs_of(platform.store.releases.current(app))
    for job in every:
        if job.id == job_id:
            return job
    known = ", ".join(job.id for job in every) or "none"
    raise PaasError(f"{app.name} has no job {job_id}", f"its jobs: {known}")


@dataclass(frozen=True, slots=True)
class Entry:
    """An app's jobs by the release that serves, and since when it does."""

    version: int
    jobs: tuple[Job, ...]
    since: datetime


class Agenda:
    """Every app's jobs, kept up with what serves; an image is read once."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._known: dict[int, Entry] = {}

    def is_old(self) -> bool:
        """Whether other releases serve than at the last look."""
        known = {app_id: entry.version for app_id, entry in self._known.items()}
        return known != self._platform.store.releases.versions()

    def now(self) -> list[tuple[App, Entry]]:
        """Apps that have jobs, with them."""
        store = self._platform.store
        versions = store.releases.versions()
        apps = [app for app in store.apps.list() if app.id in versions]
        before = self._known
        self._known = {
            app.id: found
            for app in apps
            if (found := before.get(app.id)) is not None and found.version == versions[app.id]
        }
        for app in apps:
            if app.id not in self._known and (release := store.releases.current(app)):
                since = release.served_at or release.created_at
                self._known[app.id] = Entry(release.version, jobs_of(release), since)
        return [(app, one) for app in apps if (one := self._known.get(app.id)) and one.jobs]
