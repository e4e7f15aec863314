"""Shared networks: which ones an app's containers are on, and what is found there by name.

Names lead to containers in service alone, and change before those they led to end. An
app is told names of networks that it is on, and of no others.
"""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence

from paas.deploy import fleet
from paas.errors import PaasError
from paas.model.app import App
from paas.model.container import Container
from paas.model.names import LABEL
from paas.network.names import Names, askers
from paas.platform import Platform
from paas.store.networks import SharedNetwork

log = logging.getLogger(__name__)

NAMESPACE = "network"
# from the first moment on, in runs too; dokku's two words for it are one here
AT_CREATION = ("initial-network", "attach-post-create")
IN_SERVICE = ("attach-post-deploy",)
ATTACHING = (*AT_CREATION, *IN_SERVICE)
LISTENER = "static-web-listener"
WEB = "web"
_telling = threading.Lock()


def properties(platform: Platform, app: App) -> Mapping[str, str]:
    """What holds for an app: its own values over the instance's."""
    get = platform.store.properties.all
    return {**get(None, NAMESPACE), **get(app, NAMESPACE)}


def listed(text: str) -> list[str]:
    """Names in a property, parted by commas."""
    return [name for name in text.split(",") if name]


def wanted(platform: Platform, app: App, keys: Sequence[str] = ATTACHING) -> list[SharedNetwork]:
    """The networks that an app is to be on; those that are gone are passed over."""
    values = properties(platform, app)
    names = {name for key in keys for name in listed(values.get(key, ""))}
    if not names:
        return []
    found = [one for one in platform.store.networks.list() if one.name in names]
    if missing := names - {one.name for one in found}:
        log.warning("app %s wants networks that are gone: %s", app.name, ", ".join(missing))
    return found


def at_creation(platform: Platform, app: App) -> tuple[int, ...]:
    """Slots of the networks that a new container begins with."""
    return tuple(one.slot for one in wanted(platform, app, AT_CREATION))


def settle(platform: Platform, app: App) -> None:
    """Have what is in service be on its networks, and found by name; before requests go there."""
    networks = wanted(platform, app)
    for container in fleet.in_service(platform, app) if networks else ():
        if container.running:
            for network in networks:
                join(platform, app, container, network)
    if networks or app.slot in askers(platform.settings):
        tell(platform)


def join(platform: Platform, app: App, container: Container, network: SharedNetwork) -> None:
    """Have what serves be on a network; that it cannot be is told, and it serves all the same."""
    try:
        platform.networks.join(container.spec, network.slot)
    except (PaasError, OSError) as error:
        reason = error.message if isinstance(error, PaasError) else error.strerror
        words = f"{container.spec.hostname} is not on network {network.name}: {reason}"
        log.warning("%s of %s", words, app.name)
        platform.logs.append(app.name, words)


def rebuild(platform: Platform, app: App) -> int:
    """Have running containers be on the networks they should be on and no others; how many are."""
    slots = {one.slot for one in wanted(platform, app)}
    running = [one for one in fleet.in_service(platform, app) if one.running]
    for container in running:
        for slot in set(platform.networks.joined(container.id)) - slots:
            platform.networks.leave(container.id, slot)
        for slot in slots:
            platform.networks.join(container.spec, slot)
    tell(platform)
    return len(running)


# -- names ----------------------------------------------------------------------------------


def tell(platform: Platform) -> None:
    """Tell the name server what there is now."""
    with _telling:
        if platform.store.networks.list() or askers(platform.settings):
            platform.networks.tell_names(found(platform))


def found(platform: Platform) -> Names:
    """Who may ask for what, and where it is."""
    with platform.store.view():
        by_slot = {one.slot: one.name for one in platform.store.networks.list()}
        asking: dict[int, list[str]] = {}
        known: dict[str, Claims] = {name: Claims() for name in by_slot.values()}
        for app in platform.store.apps.list() if by_slot else ():
            running = [one for one in fleet.in_service(platform, app) if one.running]
            on = {one.name for one in wanted(platform, app)}
            tld = properties(platform, app).get("tld", "")
            for container in running:
                for slot, address in platform.networks.joined(container.id).items():
                    if slot in by_slot:
                        on.add(by_slot[slot])
                        known[by_slot[slot]].add(app, container, str(address), tld)
            if on:
                asking[app.slot] = sorted(on)
    return Names(asking, {name: claims.names() for name, claims in known.items()})


class Claims:
    """Names on one network. A name is one app's: who has it first, the plainer forms first."""

    def __init__(self) -> None:
        self._forms: list[dict[str, tuple[str, list[str]]]] = [{}, {}, {}]

    def add(self, app: App, container: Container, address: str, tld: str) -> None:
        """All names that lead to a container."""
        for form, name in enumerate(names_of(app.name, container)):
            for text in filter(None, (name, f"{name}.{tld}" if name and tld else "")):
                owner, addresses = self._forms[form].setdefault(text, (app.name, []))
                if owner == app.name:
                    addresses.append(address)

    def names(self) -> dict[str, list[str]]:
        """Addresses by name."""
        every: dict[str, tuple[str, list[str]]] = {}
        for form in self._forms:
            for name, (owner, addresses) in form.items():
                every.setdefault(name, (owner, addresses))
        return {name: addresses for name, (_, addresses) in every.items()}


def names_of(app: str, container: Container) -> Iterator[str]:
    """`blog.web`, `blog` for its web processes, and `web.1.blog`."""
    spec = container.spec
    yield f"{app}.{spec.process}"
    # an app that is named as a host of the world's must not take its place
    yield app if spec.process == WEB and LABEL.fullmatch(app) else ""
    yield f"{spec.hostname}.{app}"
