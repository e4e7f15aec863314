"""Checks: which ones a process type has, from the app's properties, its app.json and defaults."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from paas.deploy import policies, ports
from paas.deploy.boot import WEB
from paas.deploy.release import manifest_of
from paas.model import app_json
from paas.model.app import App
from paas.model.app_json import HealthCheck
from paas.model.check import Check, Mode, Way
from paas.model.image import Health
from paas.model.release import Image, Release
from paas.platform import Platform

# readiness means ready for requests, which is what a deploy waits for; liveness comes after it
AT_DEPLOY, LIVENESS = ("startup", "readiness"), "liveness"
HEALTH_PAUSE_S = 1.0
NUMBERS = {
    "attempts": "attempts",
    "timeout": "timeout_s",
    "wait": "wait_s",
    "initial-delay": "initial_delay_s",
}


def of_release(platform: Platform, app: App, release: Release, process: str) -> tuple[Check, ...]:
    """The checks of a process type in the order they are made; none where they are off.

    Where the old web processes ended first, requests wait for the new ones: these are
    given a while to listen, and get the requests then whatever they do.
    """
    mode = policies.mode(platform, app, process)
    if mode is Mode.DISABLED and process == WEB:
        base = defaults(platform, app, release.image)
        patience_s = min(base.boot_timeout_s, policies.hold_s(platform, app))
        return (replace(base, way=Way.LISTENING, warn=True, boot_timeout_s=patience_s),)
    if mode is not Mode.ENABLED:
        return ()
    return of_process(platform, app, release, process)


def of_process(
    platform: Platform, app: App, release: Release | None, process: str
) -> tuple[Check, ...]:
    """What checks:set says over app.json over the image over the settings, even where off."""
    manifest = manifest_of(release) if release else app_json.parse("{}")
    image = release.image if release else None
    base = defaults(platform, app, image)
    path, content = (platform.store.properties.get(app, "checks", key) for key in PLACE)
    entries = [one for one in manifest.healthchecks.get(process, ()) if one.type in AT_DEPLOY]
    if process == WEB and (path or content):
        found = [replace(base, path=path or "/", content=content or "")]
    elif entries:
        ordered = sorted(entries, key=lambda one: AT_DEPLOY.index(one.type))
        found = [from_manifest(base, one) for one in ordered]
    elif image and image.config and image.config.health and process == WEB:
        found = [of_image(base, image.config.health)]
    else:
        found = [base if process == WEB else replace(base, way=Way.UPTIME)]
    return tuple(replace(one, **numbers(platform, app)) for one in found)


def of_living(platform: Platform, app: App, release: Release, process: str) -> tuple[Check, ...]:
    """The liveness checks of app.json, which are made after a deploy for as long as it serves."""
    entries = manifest_of(release).healthchecks.get(process, ())
    base = defaults(platform, app, release.image)
    found = [from_manifest(base, one) for one in entries if one.type == LIVENESS]
    asked = [one for one in found if one.way is not Way.UPTIME]  # a process that is there is up
    return tuple(replace(one, **numbers(platform, app)) for one in asked)


PLACE = ("path", "content")


def defaults(platform: Platform, app: App, image: Image | None) -> Check:
    """A check that takes any HTTP answer, as the settings have it."""
    settings = platform.settings
    domains = platform.store.domains.effective(app)
    return Check(
        port=ports.of_web(platform, app, image),
        timeout_s=settings.check_timeout_s,
        attempts=settings.check_attempts,
        wait_s=settings.check_wait_s,
        uptime_s=policies.default_wait_s(platform, app),
        boot_timeout_s=settings.boot_timeout_s,
        host=next((name for name in domains if "*" not in name), "localhost"),
    )


def of_image(base: Check, health: Health) -> Check:
    """HEALTHCHECK: asked more often than its interval says, for as long as Docker would wait."""
    patience_s = health.start_period_s + health.retries * max(health.interval_s, 1.0)
    pause_s = min(health.interval_s, HEALTH_PAUSE_S)
    return replace(
        base,
        way=Way.COMMAND,
        name="HEALTHCHECK",
        command=health.command,
        timeout_s=health.timeout_s,
        wait_s=pause_s,
        attempts=max(health.retries, math.ceil(patience_s / max(pause_s, 0.1))),
    )


def from_manifest(base: Check, entry: HealthCheck) -> Check:
    """One entry of app.json; what it does not say is the base's."""
    return replace(
        base,
        way=way(entry),
        name=entry.name,
        path=entry.path or "/",
        port=entry.port or base.port,
        scheme=entry.scheme,
        content=entry.content,
        headers=entry.headers,
        command=entry.command,
        uptime_s=base.uptime_s if entry.uptime_s is None else entry.uptime_s,
        attempts=entry.attempts or base.attempts,
        timeout_s=entry.timeout_s or base.timeout_s,
        wait_s=base.wait_s if entry.wait_s is None else entry.wait_s,
        initial_delay_s=entry.initial_delay_s or 0,
        warn=entry.warn,
        on_failure=strings(entry.on_failure.get("command")),
        on_failure_url=entry.on_failure_url,
    )


def way(entry: HealthCheck) -> Way:
    """The one kind that counts."""
    if entry.command:
        return Way.COMMAND
    if entry.listening:
        return Way.LISTENING
    return Way.HTTP if entry.uptime_s is None else Way.UPTIME


def strings(value: object) -> tuple[str, ...]:
    """A command line: a list of strings, anything else is none."""
    if isinstance(value, str):
        return ("/bin/sh", "-c", value)
    return tuple(str(word) for word in value) if isinstance(value, list) else ()


def numbers(platform: Platform, app: App) -> Mapping[str, Any]:
    """What checks:set says of patience, for every check of the app."""
    found = {key: policies.value(platform, app, "checks", key) for key in NUMBERS}
    return {
        NUMBERS[key]: int(text) if key == "attempts" else float(text)
        for key, text in found.items()
        if text is not None
    }
