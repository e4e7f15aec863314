"""Sinks: where an app's lines are shipped to, as they are written and as they may be shown. Pure.

    syslog+udp://host[:514]   syslog+tcp://host[:601]   syslog+tls://host[:6514]
    https://[user:password@]host[:port]/path?query      http://...

What a URL carries beside its host may be a secret: it is never shown.
"""

import hashlib
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, unquote, urlsplit

from paas.errors import UsageError

PORTS = {
    "syslog+udp": 514,
    "syslog+tcp": 601,
    "syslog+tls": 6514,
    "http": 80,
    "https": 443,
}
MOST_SINKS = 5
HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9])?\.?")
UNIQUE_CHARACTERS = 24
# addresses of IPv6 that have one of IPv4 in them, which is the one that is reached (RFC 6052)
TRANSLATED = IPv6Network("64:ff9b::/96")

Ip = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Sink:
    """One place that lines go to. target: the path and query of an HTTP request."""

    url: str
    scheme: str
    host: str
    port: int
    target: str = ""
    user: str | None = None
    password: str = ""

    @property
    def over_http(self) -> bool:
        return self.scheme.startswith("http")

    @property
    def shown(self) -> str:
        """Without login, path and query: `https://logs.example.com:443/...`."""
        place = f"{self.scheme}://{self.place}"
        return f"{place}/..." if self.target not in ("", "/") else place

    @property
    def place(self) -> str:
        """`host:port`, an address of IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def id(self) -> str:
        """The same for the same place, also with another password."""
        parts = (self.scheme, self.host, str(self.port), self.target, self.user or "")
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:UNIQUE_CHARACTERS]


def parse(text: str) -> Sink:
    """A sink, or UsageError, which shows nothing of the URL but its scheme."""
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").lower()
        port = PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        raise refused("a sink is not a URL") from None
    if parts.scheme not in PORTS:
        raise refused(f"{parts.scheme[:20]!r} is no way to ship logs")
    if not text.isascii() or not text.isprintable() or " " in text or not 0 < port < 65536:
        raise refused("a sink is not a URL")
    if not HOST.fullmatch(host) and address(host) is None:
        raise refused(f"a sink's URL names no host behind {parts.scheme}://")
    if parts.scheme in ("http", "https"):
        return over_http(text, parts, host, port)
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise refused("a sink of syslog has a host and a port, and nothing else")
    return Sink(text, parts.scheme, host, port)


def over_http(text: str, parts: SplitResult, host: str, port: int) -> Sink:
    if parts.fragment:
        raise refused("a sink's URL has a # in it, which is never sent: write it as %23")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    user = None if parts.username is None else unquote(parts.username)
    return Sink(text, parts.scheme, host, port, target, user, unquote(parts.password or ""))


def refused(words: str) -> UsageError:
    return UsageError(
        words,
        "syslog+udp://HOST, syslog+tcp://HOST, syslog+tls://HOST or https://USER:PASSWORD@HOST/PATH",
    )


def parse_all(text: str) -> tuple[Sink, ...]:
    """Sinks between commas, each once; UsageError."""
    found = tuple(parse(one) for one in text.split(",") if one)
    if len({one.id for one in found}) < len(found):
        raise UsageError("a sink is there twice", "name each place once")
    if not 0 < len(found) <= MOST_SINKS:
        raise UsageError(f"there are {len(found)} sinks", f"name one to {MOST_SINKS}")
    return found


def checked(text: str) -> str:
    """The text of good sinks, as it is kept."""
    return ",".join(one.url for one in parse_all(text))


def shown(text: str) -> str:
    """Sinks as they may be shown."""
    return ",".join(one.shown for one in parse_all(text))


# -- addresses ---------------------------------------------------------------------------


def address(text: str) -> Ip | None:
    """An address written out; None when it is a name."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def networks(text: str) -> tuple[Network, ...]:
    """`10.0.0.0/8,fd00::/8` read; UsageError."""
    try:
        return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError as error:
        raise UsageError(
            f"{text[:80]!r} is no list of networks: {error}", "such as 10.1.0.0/16,192.168.7.9/32"
        ) from None


def checked_networks(text: str) -> str:
    return ",".join(map(str, networks(text)))


def within(one: Ip, places: tuple[Network, ...]) -> bool:
    """Whether an address is in one of the networks."""
    return any(one.version == place.version and one in place for place in places)


def reached(one: Ip) -> Ip:
    """The address that a packet to this one ends up at: IPv6 may carry one of IPv4."""
    if isinstance(one, IPv6Address):
        inner = one.ipv4_mapped or one.sixtofour or (one.teredo[1] if one.teredo else None)
        if inner is None and one in TRANSLATED:
            inner = IPv4Address(int(one) & 0xFFFFFFFF)
        return inner or one
    return one


def is_public(one: Ip) -> bool:
    """Whether it is an address of the internet at large, of one host."""
    real = reached(one)
    return real.is_global and not real.is_multicast and not real.is_reserved
