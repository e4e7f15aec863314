"""Examines the ports an instance listens on: free, ours already, or somebody else's.

Touches: sockets bound for an instant, /proc, and our own local socket to learn who serves it.
"""

import errno
import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from paas.doctor.finding import Finding, fail, ok
from paas.settings import Settings

LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens on a port."""

    pid: int
    command: str


def examine(settings: Settings) -> list[Finding]:
    """A finding for each of the three ports."""
    return [
        examine_port(settings, purpose, getattr(settings, setting), setting)
        for purpose, setting in (
            ("SSH", "ssh_port"),
            ("HTTP", "http_port"),
            ("HTTPS", "https_port"),
        )
    ]


def examine_port(settings: Settings, purpose: str, port: int, setting: str) -> Finding:
    """Free, held by this very instance, or taken (by whom)."""
    name = f"port {port}"
    reason = refused(settings.listen_address, port)
    if reason is None:
        return ok(name, f"free for {purpose}")
    holder = find_holder(port)
    if holder and is_ours(settings, holder):
        return ok(name, f"{purpose}, served by this instance")
    if holder is None:
        return fail(name, f"{purpose} cannot use it: {reason}", f"set {setting} to a free port")
    command = holder.command.split(" ")[0].rpartition("/")[2] or "a process"
    return fail(
        name,
        f"{purpose} cannot use it: taken by {command} (process {holder.pid})",
        f"stop {command}, or set {setting} to a free port",
    )


def refused(address: str, port: int) -> str | None:
    """Why a server could not listen there; None when it could."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            probe.listen(1)
    except PermissionError:
        return None  # not root: cannot tell, and the finding about root says enough
    except OSError as error:
        return "taken" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0)
    return None


def find_holder(port: int) -> Holder | None:
    """The process listening on a TCP port, when /proc lets us see it."""
    inodes = {f"socket:[{inode}]" for inode in listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(target(entry) in inodes for entry in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                return Holder(int(process.name), command.decode(errors="replace").strip())
        except OSError:
            continue  # gone meanwhile, or not ours to look into
    return None


def target(descriptor: Path) -> str:
    """What a process has open there; empty when it has closed it meanwhile."""
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:
        return ""


def listening_inodes(port: int) -> set[str]:
    """Inodes of the sockets that listen on the port, IPv4 and IPv6."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found


def is_ours(settings: Settings, holder: Holder) -> bool:
    """Whether the process is this instance's daemon, or names its directories (nginx does)."""
    if holder.pid == daemon_pid(settings):
        return True
    places = (f"{settings.run_dir}/", f"{settings.state_dir}/")
    return any(place in command_of_group(holder) for place in places)


def command_of_group(holder: Holder) -> str:
    """The command line, with the parent's: a worker of nginx does not repeat its master's."""
    try:
        status = Path(f"/proc/{holder.pid}/stat").read_text().rpartition(")")[2].split()
        parent = Path(f"/proc/{status[1]}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return holder.command
    return f"{holder.command} {parent.decode(errors='replace')}"


def daemon_pid(settings: Settings) -> int | None:
    """The process that serves the instance's local socket; None when nobody does."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            client.connect(str(settings.socket))
            size = struct.calcsize("3i")
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    except OSError:
        return None
    pid: int = struct.unpack("3i", credentials)[0]
    return pid
