"""Front: what stands between visitors and an app: ports, certificate, redirects, passwords, pages.

What the commands of those nouns keep, as the part of a route that it makes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

from paas.deploy import ports
from paas.model import nginx
from paas.model.app import App
from paas.model.nginx import BLOCK
from paas.model.ports import HTTP, HTTPS, ORDINARY, PortMapping
from paas.model.release import Image
from paas.model.route import Guard, Route, RouteState
from paas.platform import Platform

NGINX = "nginx"
PORT = ("proxy", "proxy-port")  # leads to an app that has no domains
DISABLED = ("proxy", "disabled")  # no request reaches the app
CLEARED = ("proxy", "cleared")  # the same, until its configuration is built again
GUARDED = ("http-auth", "enabled")
MAINTAINED = ("maintenance", "enabled")
BINDS = {"bind-address-ipv4": "0.0.0.0", "bind-address-ipv6": "::"}  # noqa: S104 - any address


def dressed(platform: Platform, app: App, route: Route, image: Image | None) -> Route:
    """The route with all that its app's front says."""
    if is_hidden(platform, app):
        return Route(route.app, (), route.peers, route.state, route.hold_s)
    own = mapped(platform, app, image)
    if not route.domains and not own:
        own = alone(platform, app)
    certificate, values = platform.store.certificates.digest(app), settings(platform, app)
    redirects = platform.store.redirects.list(app)
    down = is_maintained(platform, app)
    return replace(
        route,
        domains=tuple(dict.fromkeys([*route.domains, *(one.source for one in redirects)])),
        ports=own,
        open_ports=() if route.domains else plain(own),
        upgrade=bool(certificate) and both(own),
        certificate=certificate,
        hsts=nginx.strict_transport(values) if certificate else "",
        redirects=tuple(redirects),
        guard=guard(platform, app),
        addresses=addresses(values),
        settings=own_block(platform, app),
        state=RouteState.MAINTENANCE if down else route.state,
        page=platform.store.pages.digest(app) if down else "",
    )


def is_hidden(platform: Platform, app: App) -> bool:
    """Whether nothing leads to the app, whatever it has."""
    get = platform.store.properties.get
    return get(app, *DISABLED) == "true" or get(app, *CLEARED) is not None


# -- ports -------------------------------------------------------------------------------


def mapped(platform: Platform, app: App, image: Image | None) -> tuple[PortMapping, ...]:
    """The ports that the app was given; that which PORT names is 0, the containers' own."""
    if not platform.store.ports.list(app):
        return ()
    found = ports.mappings(platform, app, image)
    web = ports.web_port(found)
    return tuple(replace(one, container=0) if one.container == web else one for one in found)


def alone(platform: Platform, app: App) -> tuple[PortMapping, ...]:
    """The port at which an app without domains can be reached, when it was given one."""
    port = platform.store.properties.get(app, *PORT)
    return (PortMapping("http", int(port), 0),) if port else ()


def plain(own: Sequence[PortMapping]) -> tuple[int, ...]:
    """Ports that lead to an app without domains, whatever name is asked for."""
    return tuple(one.host for one in own if one.scheme == "http" and one.host not in ORDINARY)


def both(own: Sequence[PortMapping]) -> bool:
    """Whether the app is at the ordinary ports for HTTP and for HTTPS."""
    return not own or {HTTP, HTTPS} <= {one.host for one in own}


# -- nginx's settings --------------------------------------------------------------------


def settings(platform: Platform, app: App) -> Mapping[str, str]:
    """Every setting as it holds for an app: its own, the instance's, or what holds anyway."""
    get = platform.store.properties.all
    return {**nginx.defaults(), **get(None, NGINX), **get(app, NGINX)}


def own_block(platform: Platform, app: App) -> tuple[tuple[str, str], ...]:
    """What nginx is told for this app alone."""
    own = platform.store.properties.all(app, NGINX)
    return tuple((key, own[key]) for key in BLOCK if key in own)


def defaults(platform: Platform) -> dict[str, str]:
    """What nginx is told for every app."""
    found = platform.store.properties.all(None, NGINX)
    return {key: found[key] for key in BLOCK if key in found}


def addresses(values: Mapping[str, str]) -> tuple[str, ...]:
    """At which addresses of the machine an app answers; none: at all."""
    if not any(values[key] for key in BINDS):
        return ()
    return tuple(values[key] or every for key, every in BINDS.items())


# -- who may see it, and what they see ---------------------------------------------------


def guard(platform: Platform, app: App) -> Guard | None:
    """Users and addresses, where they are asked for."""
    if platform.store.properties.get(app, *GUARDED) is None:
        return None
    return platform.store.http_auth.guard(app)


def is_maintained(platform: Platform, app: App) -> bool:
    """Whether visitors see a page while somebody works on the app."""
    return platform.store.properties.get(app, *MAINTAINED) is not None


def certified(platform: Platform, app: App) -> tuple[str, ...]:
    """The names that a certificate of the app's has to be for."""
    names = platform.store.domains.effective(app)
    sources = (one.source for one in platform.store.redirects.list(app))
    return tuple(dict.fromkeys(chain(names, sources)))
