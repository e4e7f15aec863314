"""Ports: which ones of an app's containers get requests, and from which ports of the host.

What `ports:set` says; else what the image EXPOSEs; else 5000, as PORT says. Port 80 and
443 of a mapping stand for the instance's own ports for HTTP and HTTPS.
"""

from collections.abc import Sequence

from paas.model.app import App
from paas.model.ports import HTTP, HTTPS, PortMapping
from paas.model.release import Image
from paas.platform import Platform

DEFAULT = 5000
# what an image that exposes several most likely answers the web on
USUAL = (HTTP, 8080, 3000, 5000, 8000)
ENCRYPTED = (HTTPS, 8443)


def mappings(platform: Platform, app: App, image: Image | None) -> Sequence[PortMapping]:
    """The mappings that hold for an app, with an image of its or before its first one."""
    found = platform.store.ports.list(app) or detected(image)
    return with_https(found) if platform.store.certificates.digest(app) else found


def with_https(found: Sequence[PortMapping]) -> Sequence[PortMapping]:
    """An app with a certificate is at the port for HTTPS where it is at the one for HTTP."""
    hosts = {one.host: one for one in found}
    if HTTP not in hosts or HTTPS in hosts:
        return found
    return [*found, PortMapping("https", HTTPS, hosts[HTTP].container)]


def detected(image: Image | None) -> Sequence[PortMapping]:
    """What an image asks for: the port it EXPOSEs, or the likeliest of several, as port 80.

    dokku opens each exposed port on the host, and leaves port 80 out: an app's plain address
    leads nowhere, and what is in a repository opens ports of the server.
    """
    exposed = image.config.ports if image and image.config else ()
    return [PortMapping("http", HTTP, most_likely(exposed) if exposed else DEFAULT)]


def most_likely(exposed: Sequence[int]) -> int:
    """The port of several that answers the web."""
    for port in USUAL:
        if port in exposed:
            return port
    plain = [port for port in exposed if port not in ENCRYPTED]
    return (plain or list(exposed))[0]


def of_web(platform: Platform, app: App, image: Image | None) -> int:
    """The container port that ordinary requests go to, and that PORT names."""
    return web_port(mappings(platform, app, image))


def web_port(found: Sequence[PortMapping]) -> int:
    """The container port that ordinary requests go to: by HTTP, else by HTTPS, else the first."""
    for scheme, host in (("http", HTTP), ("https", HTTPS)):
        for one in found:
            if (one.scheme, one.host) == (scheme, host):
                return one.container
    return found[0].container
