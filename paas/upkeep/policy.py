"""How much is kept, and for how long: the app's property, the instance's, or the setting."""

from paas.deploy.policies import number, value
from paas.model.app import App
from paas.model.limits import disk
from paas.platform import Platform

DAY_S = 86400.0


def cache_bytes(platform: Platform, app: App) -> int:
    """How large an app's build cache may be."""
    text = value(platform, app, "gc", "cache-size")
    return disk(text) if text else platform.settings.cache_app_bytes


def cache_unused_s(platform: Platform, app: App) -> float:
    """How long the cache of an app that is not built is kept."""
    days = platform.settings.cache_unused_s / DAY_S
    return number(platform, app, "gc", "cache-days", days) * DAY_S
