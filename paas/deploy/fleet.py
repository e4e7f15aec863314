"""The fleet: which containers of an app are in service, kept durably.

The kernel says what runs; this says which of it is the app. Whatever runs and
is not in service is being checked, being retired, or left over.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from paas.deploy.presence import Presence
from paas.model.app import App
from paas.model.container import Container
from paas.platform import Platform

IN_SERVICE = ("ps", "in-service")  # the property that has their ids

_locks: dict[int, threading.RLock] = defaultdict(threading.RLock)
_hands: Presence[str] = Presence()
_reserved: Presence[tuple[int, str]] = Presence()  # slots, by their app and name


def in_hand(container_id: str) -> AbstractContextManager[object]:
    """While somebody checks or retires a container that is not in service; several may."""
    return _hands.of(container_id)


def is_in_hand(container_id: str) -> bool:
    """Whether somebody is busy with a container."""
    return container_id in _hands


@contextmanager
def reserved(app: App, names: Sequence[str]) -> Iterator[None]:
    """While an operation has slots empty that it fills itself: nobody else starts one in them."""
    with ExitStack() as every:
        for name in names:
            every.enter_context(_reserved.of((app.id, name)))
        yield


def is_reserved(app: App, name: str) -> bool:
    """Whether an operation is about to fill a slot."""
    return (app.id, name) in _reserved


@contextmanager
def changing(app: App) -> Iterator[None]:
    """Held while the set of containers in service is read and changed; short."""
    with _locks[app.id]:
        yield


def ids(platform: Platform, app: App) -> list[str]:
    """Container ids in service, in no order that matters."""
    text = platform.store.properties.get(app, *IN_SERVICE)
    return [str(one) for one in json.loads(text)] if text else []


def in_service(platform: Platform, app: App) -> list[Container]:
    """The containers in service that the engine knows, exited ones included."""
    found = (platform.engine.get(one) for one in ids(platform, app))
    return [container for container in found if container is not None]


def in_slot(platform: Platform, app: App, name: str) -> Container | None:
    """The container in service in a slot (web.1), an exited one included."""
    return next((one for one in in_service(platform, app) if one.spec.hostname == name), None)


def owner(platform: Platform, container: Container) -> App | None:
    """The app a container is of, also when it was started under the app's former name."""
    return platform.store.apps.in_slot(container.spec.slot)


def install(platform: Platform, app: App, identities: Sequence[str]) -> None:
    """Make the containers of these ids the ones in service."""
    text = json.dumps(list(identities))
    platform.store.properties.set(app, *IN_SERVICE, text)


def swap(platform: Platform, app: App, old: Container, new: Container) -> bool:
    """Put new in old's place; False when old is no longer in service."""
    with changing(app):
        present = in_service(platform, app)
        if old.id not in [container.id for container in present]:
            return False
        install(platform, app, [new.id if one.id == old.id else one.id for one in present])
        return True


def add(platform: Platform, app: App, new: Container) -> bool:
    """Put a container in service whose slot is empty; False when it no longer is."""
    with changing(app):
        present = in_service(platform, app)
        if any(one.spec.hostname == new.spec.hostname for one in present):
            return False
        install(platform, app, [*(one.id for one in present), new.id])
        return True
