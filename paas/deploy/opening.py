"""Opening: host ports that lead to an app, beside those that every app answers on."""

from collections import Counter
from collections.abc import Iterable, Sequence

from paas.deploy import route
from paas.errors import PaasError
from paas.model.app import App
from paas.model.ports import HTTP, HTTPS, ORDINARY, USUAL, PortMapping
from paas.platform import Platform
from paas.settings import Settings

FIRST, MOST = 1024, 50


def change(platform: Platform, app: App, wanted: Iterable[PortMapping]) -> None:
    """Give an app these mappings, and nginx their host ports: both or neither.

    Raises PaasError for what no app can have.
    """
    found = sorted(set(wanted))
    for one in found:
        check(platform.settings, one)
    check_all(found)
    route.change(platform, app, lambda: platform.store.ports.set(app, found))


def check(settings: Settings, one: PortMapping) -> None:
    """Raise PaasError for a host port that no app can have."""
    stands = {settings.http_port: HTTP, settings.https_port: HTTPS}
    if one.host in ORDINARY:
        if USUAL.get(one.scheme) != one.host:
            raise PaasError(f"{one}: port {HTTP} is for http and port {HTTPS} for https")
    elif one.host < FIRST:
        raise PaasError(
            f"{one}: host ports below {FIRST} are the server's own",
            f"use one from {FIRST} on; {HTTP} and {HTTPS} stand for the platform's ports for "
            "HTTP and HTTPS",
        )
    elif one.host in stands:
        raise PaasError(
            f"{one}: port {one.host} is every app's already",
            f"port {stands[one.host]} stands for it in a mapping",
        )
    elif one.host == settings.ssh_port:
        raise PaasError(f"{one}: port {one.host} is the platform's own", "choose another one")


def check_all(found: Sequence[PortMapping]) -> None:
    if len(found) > MOST:
        raise PaasError(f"an app has {MOST} port mappings at most")
    host, times = Counter(one.host for one in found).most_common(1)[0] if found else (0, 0)
    if times > 1:
        raise PaasError(f"host port {host} can lead to one port of the app only")
