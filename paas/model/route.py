"""Where requests for an app go."""

from dataclasses import dataclass
from enum import StrEnum

from paas.model.ports import PortMapping


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


@dataclass(frozen=True, slots=True)
class Peer:
    """One web instance's address."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Route:
    """One app's domains (lower case, `*.` wildcards allowed) and the peers that answer."""

    app: str
    domains: tuple[str, ...]
    peers: tuple[Peer, ...] = ()
    state: RouteState = RouteState.UNDEPLOYED
    hold_s: float = 0  # how long requests wait while the state is `held`
    ports: tuple[PortMapping, ...] = ()  # none: the ordinary ones alone
