"""Astray: an app listens, but not where it is asked: what it does, and what mends it. Pure."""

from collections.abc import Sequence
from ipaddress import ip_address

EXAMPLES = (
    "such as gunicorn --bind 0.0.0.0:$PORT, uvicorn --host 0.0.0.0 --port $PORT, "
    "server.listen(process.env.PORT, '0.0.0.0')"
)


def cause(listening: Sequence[tuple[str, int]], port: int) -> str:
    """What a process does instead of listening on the port, by the sockets it listens on."""
    if not listening:
        return "it listens on no port yet"
    if inward := [place for place in listening if place[1] == port and is_loopback(place[0])]:
        return f"it listens on {shown(inward[0])}, which only the container itself can reach"
    return f"it listens on {', '.join(map(shown, listening))}, not on 0.0.0.0:{port}"


def remedy(listening: Sequence[tuple[str, int]], port: int) -> str:
    """What to change in the app."""
    inward = any(is_loopback(address) for address, _ in listening)
    right = any(one == port for _, one in listening)
    if inward and right:
        return f"listen on 0.0.0.0 instead of {listening[0][0]} or localhost, {EXAMPLES}"
    if listening and not inward:
        others = ", ".join(str(one) for _, one in listening)
        return f"listen on the port in the PORT variable ({port} here) instead of {others}"
    return f"listen on 0.0.0.0 and on the port in the PORT variable, {EXAMPLES}"


def is_loopback(address: str) -> bool:
    return ip_address(address).is_loopback


def shown(place: tuple[str, int]) -> str:
    address, port = place
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
