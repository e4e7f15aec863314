"""Where requests for an app go."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from paas.model.ports import PortMapping

CODES = (301, 302, 303, 307, 308)  # of a redirect


class RouteState(StrEnum):
    """Why a request is or is not passed on; all but `serving` show a page of ours.

    While `held`, requests wait first, in the hope that the app serves again.
    """

    SERVING = "serving"
    HELD = "held"
    STARTING = "starting"
    STOPPED = "stopped"
    DOWN = "down"
    UNDEPLOYED = "undeployed"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Peer:
    """One web instance's address."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Redirect:
    """Every request for one host is sent on to another one, its path kept."""

    source: str
    destination: str
    code: int = 301


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may see an app: users with the bcrypt hash of their password, and addresses at all."""

    users: tuple[tuple[str, str], ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """All that the proxy knows of one app.

    domains (lower case, `*.` wildcards allowed) lead to it, and open_ports whatever the host.
    ports are those of this machine, each with the one of the peers it leads to (0: their
    own); none: the ordinary ones alone. upgrade: requests on the ordinary port for HTTP are
    sent on to the one for HTTPS.
    """

    app: str
    domains: tuple[str, ...]
    peers: tuple[Peer, ...] = ()
    state: RouteState = RouteState.UNDEPLOYED
    hold_s: float = 0  # how long requests wait while the state is `held`
    ports: tuple[PortMapping, ...] = ()
    open_ports: tuple[int, ...] = ()
    upgrade: bool = False
    certificate: str = ""  # the digest of what it shows for its domains; "": it has none
    hsts: str = ""  # the value of Strict-Transport-Security
    redirects: tuple[Redirect, ...] = ()
    guard: Guard | None = None
    addresses: tuple[str, ...] = ()  # it answers at these of the machine alone; none: at all
    page: str = ""  # the digest of its own pages for the time of maintenance
    settings: tuple[tuple[str, str], ...] = ()  # what nginx is told for it alone

    @property
    def own(self) -> Mapping[str, str]:
        """The settings by their names."""
        return dict(self.settings)
