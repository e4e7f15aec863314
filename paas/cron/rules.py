"""What an app's properties say about its jobs, its value over the instance's."""

from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo

from paas.deploy import ending
from paas.model.app import App
from paas.model.job import Job, JobState
from paas.platform import Platform

NAMESPACE = "cron"
TTL_S = 86_400
RUN, SKIP = "run", "skip"


@dataclass(frozen=True, slots=True)
class Rules:
    """zone None: the machine's. missed: what comes of what nobody was there to start."""

    zone: tzinfo | None
    maintenance: bool
    missed: str
    ttl_s: int
    mail_to: str
    mail_from: str


def rules(platform: Platform, app: App) -> Rules:
    """Those of an app."""
    get = platform.store.properties.all
    every = {**get(None, NAMESPACE), **get(app, NAMESPACE)}
    zone = every.get("timezone")
    return Rules(
        ZoneInfo(zone) if zone else None,
        every.get("maintenance") == "true",
        every.get("missed", RUN),
        int(every.get("ttl-seconds", TTL_S)),
        every.get("mailto", ""),
        every.get("mailfrom", ""),
    )


def resting(platform: Platform, app: App, job: Job, state: JobState | None, of_app: Rules) -> str:
    """Why a job that is due is not to run; "" when nothing is in the way."""
    if app.stopped:
        return f"{app.name} is stopped"
    if job.maintenance or of_app.maintenance:
        return "maintenance"
    if state is not None and state.suspended:
        return "suspended"
    return "the app is being destroyed" if ending.begun(platform, app) else ""
