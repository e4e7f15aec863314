"""Order: which apps are started before which when many are, as after a reboot.

An app names those it needs (`ps:set APP start-after db,cache`), and apps of a higher
priority come first; what they need comes with them. Kept by the apps' ids, so that a
rename changes nothing and an app that is destroyed is waited for no more.
"""

from collections.abc import Mapping, Sequence

from paas.errors import PaasError
from paas.model.app import App
from paas.model.names import app_name
from paas.platform import Platform

START_AFTER = ("ps", "start-after")
PRIORITY = ("ps", "priority")


def needs(platform: Platform, app: App) -> tuple[int, ...]:
    """Ids of the apps that it is started after, as they were named."""
    return ids(platform.store.properties.get(app, *START_AFTER) or "")


def ids(text: str) -> tuple[int, ...]:
    """The ids in a property's text."""
    return tuple(int(word) for word in text.split(",") if word.isdecimal())


def renumbered(text: str, known: Mapping[int, int]) -> str:
    """A property's text with other ids for the same apps; those that are not known are left out."""
    return ",".join(str(known[one]) for one in ids(text) if one in known)


def names(platform: Platform, text: str) -> str:
    """A property's text with names in place of ids; apps that are gone are left out."""
    found = (platform.store.apps.by_id(identity) for identity in ids(text))
    return ",".join(app.name for app in found if app is not None)


def accepted(platform: Platform, app: App, text: str) -> str:
    """Names of apps as what is kept of them; PaasError for an unknown one and for a circle."""
    words = [word.strip() for word in text.split(",")]
    wanted = [platform.store.apps.get(app_name(word)) for word in words if word]
    for one in wanted:
        if circle := path(platform, one, app, frozenset()):
            raise PaasError(
                f"{app.name} cannot start after {one.name}, which starts after it: "
                + " after ".join([app.name, *circle]),
                f"see what {one.name} needs: paas ps:report {one.name}",
            )
    return ",".join(dict.fromkeys(str(one.id) for one in wanted))


def path(platform: Platform, start: App, goal: App, seen: frozenset[int]) -> list[str]:
    """Names from start to goal along what each is started after; [] where none leads there."""
    if start.id == goal.id:
        return [goal.name]
    for identity in needs(platform, start):
        following = platform.store.apps.by_id(identity)
        if following is not None and identity not in seen:
            rest = path(platform, following, goal, seen | {start.id, identity})
            if rest:
                return [start.name, *rest]
    return []


def priority(platform: Platform, app: App) -> int:
    """The app's `ps:set priority`; 0 when it has none."""
    text = platform.store.properties.get(app, *PRIORITY) or "0"
    return int(text) if text.removeprefix("-").isdecimal() else 0


def urgencies(platform: Platform, apps: Sequence[App]) -> dict[int, int]:
    """How urgent each app is, by its id: its priority, or that of whoever needs it."""
    found = {app.id: priority(platform, app) for app in apps}
    after = {app.id: needs(platform, app) for app in apps}
    for app in apps:
        raise_to(found[app.id], app.id, after, found)
    return found


def raise_to(
    urgency: int, identity: int, after: Mapping[int, tuple[int, ...]], found: dict[int, int]
) -> None:
    """Have everything that an app needs be as urgent as it is."""
    for needed in after.get(identity, ()):
        if found.get(needed, urgency) < urgency:
            found[needed] = urgency
            raise_to(urgency, needed, after, found)
