"""Renewals: certificates that end are renewed in time, or their end is told in time.

One thread, once an hour. What fails is tried again half a day later, and is an event.
"""

import logging
import threading
from datetime import UTC, datetime

from paas.console import Console, silent
from paas.deploy import letsencrypt
from paas.deploy.notes import noted
from paas.errors import PaasError
from paas.model import certificate
from paas.model.app import App
from paas.platform import Platform

log = logging.getLogger(__name__)

EVERY_S, FIRST_S = 3600.0, 60.0
ACTOR = "paas"
TOLD = ("certs", "told-days")
STEPS = (14, 7, 3, 1, 0)  # days before the end at which it is told


class Renewals:
    """Looks after the certificates of every app while the daemon runs."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renewals", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End; a renewal under way ends by itself."""
        self._stopping.set()

    def _run(self) -> None:
        wait_s = FIRST_S
        while not self._stopping.wait(wait_s):
            try:
                look(self._platform)
            except Exception:
                log.exception("certificates could not be looked after")
            wait_s = EVERY_S


def look(platform: Platform) -> None:
    """Renew what is due, tell what ends."""
    if platform.store.properties.get(None, *letsencrypt.OFF) is None:
        with silent() as console:
            renew_all(platform, console)
    for app in platform.store.apps.list():
        tell(platform, app, datetime.now(UTC))


def due(platform: Platform, app: App, now: datetime) -> bool:
    """Whether an active app wants another certificate, and did not fail to get one just now."""
    if not letsencrypt.is_active(platform, app):
        return False
    standing = letsencrypt.standing(platform, app)
    if standing is not None and not standing.is_due(now):
        return False
    tried, failed = (platform.store.properties.get(app, *key) for key in
                     (letsencrypt.TRIED, letsencrypt.FAILED))  # fmt: skip
    if not failed or not tried:
        return True
    return abs(now - datetime.fromisoformat(tried)) > letsencrypt.AGAIN


def renew_all(platform: Platform, console: Console) -> list[str]:
    """Renew what is due of every app; the apps for which it failed."""
    failed = []
    for app in platform.store.apps.list():
        if due(platform, app, datetime.now(UTC)):
            try:
                renew(platform, app, console, ACTOR)
            except PaasError as error:
                console.warn(f"{app.name}: {error.message}")
                failed.append(app.name)
    return failed


def renew(platform: Platform, app: App, console: Console, actor: str) -> None:
    """Another certificate for an app, whether the one it has ends soon or not."""
    with noted(platform, app.name, actor, "letsencrypt", "Renew"):
        letsencrypt.enable(platform, app, console, force=True)


def tell(platform: Platform, app: App, now: datetime) -> None:
    """Note an event when a certificate that nobody renews comes near its end, once a step."""
    days, told = days_left(platform, app, now), platform.store.properties.get(app, *TOLD)
    step = next((one for one in reversed(STEPS) if days is not None and days <= one), None)
    if step is None:
        if told is not None:
            platform.store.properties.set(app, *TOLD, None)
    elif told is None or step < int(told):
        platform.store.properties.set(app, *TOLD, str(step))
        words = f"The certificate ends in {days} days" if days else "The certificate has ended"
        platform.record(app.name, ACTOR, "certs", words, "succeeded" if days else "failed")


def days_left(platform: Platform, app: App, now: datetime) -> int | None:
    """Until the certificate ends; None where there is none, or it is renewed."""
    held = platform.store.certificates.get(app) if platform.store.certificates.digest(app) else None
    if held is None or letsencrypt.is_active(platform, app):
        return None
    return max(0, (certificate.describe(held.certificate.chain).expires_at - now).days)
