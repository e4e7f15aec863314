"""What a build finds of an app's config, and where it gets packages from."""

from fnmatch import fnmatchcase

from paas.deploy import policies
from paas.model import mirrors
from paas.model.app import App
from paas.platform import Platform

MIRRORS = "mirrors"  # namespace of properties


def of_build(platform: Platform, app: App, config: dict[str, str]) -> dict[str, str]:
    """The config vars that a build finds: mirrors, then config, then what builds alone see.

    config is the app's for its processes; of that, what is withheld from builds is left out.
    """
    withheld = policies.withheld(platform, app)
    given = {
        key: value
        for key, value in config.items()
        if not any(fnmatchcase(key, pattern) for pattern in withheld)
    }
    own = platform.store.build_config.merged(app)
    return {**mirrors.variables(addresses(platform, app)), **given, **own}


def addresses(platform: Platform, app: App | None) -> dict[str, str]:
    """Where builds get packages from: the instance's mirrors under the app's own."""
    get = platform.store.properties.all
    return {**get(None, MIRRORS), **(get(app, MIRRORS) if app else {})}
