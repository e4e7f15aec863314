"""Which port of the host leads to which port of an app's containers, as `http:80:5000`."""

import re
from dataclasses import dataclass

from paas.errors import UsageError

SCHEMES = ("http", "https", "grpc", "grpcs")
ENCRYPTED = ("https", "grpcs")
GRPC = ("grpc", "grpcs")
HTTP, HTTPS = 80, 443
USUAL = {"http": HTTP, "https": HTTPS}
ORDINARY = (HTTP, HTTPS)  # they stand for the instance's own ports, whichever they are
MAPPING = re.compile(r"([a-z]+):(\d{1,5}):(\d{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class PortMapping:
    """Requests for a host port, and the container port that they are passed to."""

    scheme: str
    host: int
    container: int

    def __str__(self) -> str:
        return f"{self.scheme}:{self.host}:{self.container}"


def mapping(text: str) -> PortMapping:
    """`http:80:5000`, or UsageError."""
    found = MAPPING.fullmatch(text)
    if found is None or found[1] not in SCHEMES:
        raise UsageError(
            f"{text[:80]!r} is not a port mapping",
            "write it as scheme:host-port:container-port, such as http:80:5000; "
            f"schemes: {', '.join(SCHEMES)}",
        )
    return PortMapping(found[1], port(found[2]), port(found[3]))


def port(text: str) -> int:
    """A port number, or UsageError."""
    if re.fullmatch(r"\d{1,5}", text, re.ASCII) and 1 <= int(text) <= 65535:
        return int(text)
    raise UsageError(f"{text[:80]!r} is not a port", "ports are numbers from 1 to 65535")
