"""Whether the ports we want are free, and who holds one that is not.

Touches: sockets bound for a moment, and /proc.
"""

import errno
import re
import socket
from collections.abc import Iterable
from pathlib import Path

from paas.errors import PaasError

LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp
ANY_IPV4 = "0.0.0.0"  # noqa: S104 - a server is for the world


def has_ipv6() -> bool:
    """Whether this machine can listen on IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def addresses(address: str, *, ipv6: bool) -> tuple[str, ...]:
    """Where to listen: every IPv4 address means every IPv6 address too, if there are."""
    if ":" in address:
        return (f"[{address}]",)
    return (address, "[::]") if address == ANY_IPV4 and ipv6 else (address,)


def check_free(address: str, port: int, setting: str) -> None:
    """Raise PaasError when the port cannot be listened on, naming who holds it if that is known."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            raise taken(address, port, setting, error) from error


def taken(address: str, port: int, setting: str, error: OSError) -> PaasError:
    """The sentence for a port that could not be had."""
    if error.errno != errno.EADDRINUSE:
        return PaasError(f"cannot listen on {address}:{port}: {error.strerror}")
    return PaasError(
        f"port {port} is taken by {holder(port) or 'another program'}",
        f"stop it, or choose another {setting} in the settings",
    )


def holder(port: int) -> str:
    """`nginx (pid 12)`, the process that listens on the port; "" when it cannot be seen."""
    sockets = {f"socket:[{inode}]" for inode in inodes(port)}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*") if sockets else ():
        try:
            if str(descriptor.readlink()) in sockets:
                process = descriptor.parents[1]
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:  # the process or its descriptor is gone
            continue
    return ""


def inodes(port: int) -> Iterable[str]:
    """Inodes of the sockets that listen on a port, of proc_pid_net(5)."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = re.split(r"\s+", line.strip())
            if columns[3] == LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                yield columns[9]
