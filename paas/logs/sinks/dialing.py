"""Dialling a sink: its name looked up once, and only addresses connected to that may be.

Who sets an app's sinks is not always who owns the server: an app's lines go to public
addresses alone, never to the server itself, its containers or its private network, unless
the instance names the network (sink-networks). Touches: names, sockets.
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network, summarize_address_range

from paas.model import sink as sinks
from paas.model.sink import Ip, Network, Sink
from paas.settings import Settings

CONNECT_S = 10.0
EVERY = (ip_network("0.0.0.0/0"), ip_network("::/0"))
DISCARD = 9  # a port: any would do
OPENED = "others are for the instance's own sinks, or networks that sink-networks names"

# what getaddrinfo(3) finds: family, kind, protocol, canonical name, address
Found = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]
    | tuple[int, bytes]
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """Where lines may go. anywhere: the instance's own sinks; opened: networks that were named."""

    anywhere: bool
    denied: tuple[Network, ...] = ()
    opened: Callable[[], tuple[Network, ...]] = tuple

    def allows(self, one: Ip) -> bool:
        """Whether this address may be connected to."""
        real = sinks.reached(one)
        if self.anywhere or sinks.within(real, self.opened()):
            return True
        return sinks.is_public(one) and not sinks.within(real, self.denied) and not is_own(one)


def rule_for_apps(settings: Settings, opened: Callable[[], tuple[Network, ...]]) -> Rule:
    """The rule for what apps have set: also what containers may not reach stays closed."""
    closed = (settings.subnet_pool, *settings.egress_denied)
    denied = tuple(network for one in closed for network in networks(one))
    return Rule(anywhere=False, denied=denied, opened=opened)


def networks(text: str) -> Iterable[Network]:
    """What nftables takes in a set: an address, a network, `first-last`. Every one if unclear."""
    first, dash, last = text.partition("-")
    try:
        if dash:
            return tuple(summarize_address_range(ip_address(first), ip_address(last)))
        return (ip_network(text, strict=False),)
    except (ValueError, TypeError):
        return EVERY


def dial(sink: Sink, rule: Rule) -> socket.socket:
    """A connected socket, of datagrams for syslog+udp; OSError with words for the user."""
    kind = socket.SOCK_DGRAM if sink.scheme == "syslog+udp" else socket.SOCK_STREAM
    try:
        found = socket.getaddrinfo(sink.host, sink.port, type=kind)
    except (socket.gaierror, UnicodeError):
        raise OSError(f"the name {sink.host} is not known") from None
    fit = [one for one in found if rule.allows(ip_address(str(one[4][0]).partition("%")[0]))]
    if not fit:
        raise OSError(f"{sink.host} is at no public address, and {OPENED}")
    return first_of(fit)


def first_of(places: Sequence[Found]) -> socket.socket:
    """Connected to the first place that answers; the last one's OSError when none does."""
    problem = OSError("there is no such place")
    for family, kind, protocol, _, place in places:
        one = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
        try:
            one.settimeout(CONNECT_S)
            one.connect(place)
        except OSError as error:
            one.close()
            problem = error
        else:
            return one
    raise problem


def is_own(one: Ip) -> bool:
    """Whether it is an address of this very machine: only to such a one it speaks as that one."""
    real = sinks.reached(one)
    family = socket.AF_INET if real.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(real), DISCARD))  # sends nothing
        except OSError:
            return False
        return ip_address(probe.getsockname()[0]) == real
