"""Arriving: an app comes from elsewhere, whole or not at all.

Its name and slot are taken first, under a mark, so that nobody else gets them; until the
mark is gone nothing is done with it. A daemon that finds a mark nobody is at work on ends
the app. Then it rises: its processes are started, or its image is built first.
"""

from paas.deploy import ending
from paas.model.app import App
from paas.platform import Platform

MARK = ("apps", "arriving")
RISING = ("apps", "rising")
AS_IT_IS = "as it is"


def reserve(
    platform: Platform, name: str, tag: str, id_: int | None = None, slot: int | None = None
) -> App:
    """The app's row, with this id and slot where they are free; tag: whose arrival it is part of.

    Raises PaasError when the name is taken or there is no slot left.
    """
    with platform.store.together():
        app = platform.store.apps.reserve(name, id_, slot)
        platform.store.properties.set(app, *MARK, tag)
    return app


def tag_of(platform: Platform, app: App) -> str | None:
    """The arrival an app is part of; None for one that is here."""
    return platform.store.properties.get(app, *MARK)


def begun(platform: Platform, app: App) -> bool:
    """Whether not all of the app is here yet."""
    return tag_of(platform, app) is not None


def decided(platform: Platform, app: App, words: str) -> None:
    """It comes. words: what the release that brings it up will say; "": its release stays."""
    platform.store.properties.set(app, *RISING, words or AS_IT_IS)


def arrived(platform: Platform, app: App) -> None:
    """All of it is here; from now on it is an app like any other."""
    platform.store.properties.set(app, *MARK, None)


def turn_back(platform: Platform, app: App) -> None:
    """It does not come after all: what there is of it goes."""
    ending.begin(platform, app)
    ending.finish(platform, app)
