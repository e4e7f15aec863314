"""Stand-ins of one build: an nginx beside it that answers for certain hosts, and its word for it.

Touches: files of the build's own directory, and a container on the app's network that
ends with the build. The build finds those hosts in its /etc/hosts, and an authority made
for this build alone in its bundle of certificates. Nothing outside the build knows of it.
"""

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from paas.console import Console
from paas.engines.base import Session, Streams
from paas.errors import PaasError
from paas.model.app import App
from paas.model.container import APP_UID, ContainerSpec, Kind, Limits, Mount, new_container_id
from paas.model.standin import StandIn
from paas.platform import Platform
from paas.proxy import authority, render

NGINX = ("/usr/sbin/nginx", "-e", "/log/error.log", "-p", "/tmp", "-c")  # noqa: S108 - its own
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
HOST_BUNDLE = Path(BUNDLE)
HOSTS = "/etc/hosts"
PORT, READY_S = 443, 30.0
LOG_BYTES, LINES_TOLD = 64 << 10, 5


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the stand-ins of one build have their files, and for whom."""

    platform: Platform
    app: App
    directory: Path
    standins: Sequence[StandIn]

    @property
    def owner(self) -> int:
        return self.platform.settings.uids(self.app.slot) + APP_UID

    def write(self, name: str, text: str) -> Path:
        """A file that the server in the container may read, and nobody may change."""
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o440)
        os.chown(path, 0, self.owner)
        return path


@contextmanager
def serving(
    platform: Platform, app: App, directory: Path, console: Console
) -> Iterator[dict[str, Path]]:
    """Serve the instance's stand-ins for the block; the files by which a build finds them."""
    standins = platform.store.standins.list()
    if not standins:
        yield {}
        return
    stage = Stage(platform, app, directory / "standins", standins)
    bundle = prepare(stage)
    spec = server(stage)
    session = platform.engine.spawn(spec, Streams())
    try:
        address = reached(session, console)
        yield {HOSTS: stage.write("hosts", hosts(address, standins)), BUNDLE: bundle}
    except PaasError:
        tell(stage, console)
        raise
    finally:
        session.kill()
        session.close()


def prepare(stage: Stage) -> Path:
    """Write what the server reads; the bundle of certificates for the build."""
    stage.directory.mkdir(mode=0o750)
    os.chown(stage.directory, 0, stage.owner)
    (stage.directory / "log").mkdir(mode=0o700)
    os.chown(stage.directory / "log", stage.owner, stage.owner)
    roots = HOST_BUNDLE.read_text() if HOST_BUNDLE.exists() else ""
    shown = authority.certificate(sorted({one.host for one in stage.standins}))
    resolver = str(stage.platform.settings.dns_address)
    stage.write("nginx.conf", render.standins(stage.standins, resolver))
    stage.write("roots.pem", roots)
    stage.write("chain.pem", shown.chain)
    stage.write("key.pem", shown.key)
    bundle = stage.write("bundle.pem", f"{roots.rstrip()}\n{shown.root}")
    bundle.chmod(0o444)
    return bundle


def server(stage: Stage) -> ContainerSpec:
    """The container that serves them: the stack's nginx, as the app's user."""
    folders = [Path(one.target) for one in stage.standins if one.local]
    return ContainerSpec(
        id=new_container_id(),
        app=stage.app.name,
        slot=stage.app.slot,
        kind=Kind.BUILD,
        process="standins",
        index=1,
        layers=stage.platform.stack.run_layers,
        argv=(*NGINX, "/standins/nginx.conf"),
        environment={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        cwd="/",
        limits=Limits(memory_bytes=128 << 20, cpu_shares=256, pids=16, scratch_bytes=64 << 20),
        mounts=(
            Mount(stage.directory, "/standins"),
            Mount(stage.directory / "log", "/log", read_only=False),
            *(
                Mount(existing(folder), f"/mirrors/{number}")
                for number, folder in enumerate(folders)
            ),
        ),
    )


def existing(path: Path) -> Path:
    if not path.exists():
        raise PaasError(
            f"{path} stands in for an address and is not there",
            "see paas mirrors:list; remove it with paas mirrors:remove",
        )
    return path


def reached(session: Session, console: Console) -> IPv4Address:
    """Wait until the server answers; where it is."""
    deadline = time.monotonic() + READY_S
    while session.address is not None and time.monotonic() < deadline:
        with suppress(OSError):
            socket.create_connection((str(session.address), PORT), timeout=1).close()
            return session.address
        if session.wait(0.01) is not None:
            break
        console.check_cancelled()
    raise PaasError("what stands in for fixed hosts could not be served", "see paas mirrors:list")


def hosts(address: IPv4Address, standins: Sequence[StandIn]) -> str:
    """The build's /etc/hosts."""
    lines = ["127.0.0.1\tlocalhost build.1", "::1\tlocalhost ip6-localhost ip6-loopback"]
    lines += [f"{address}\t{host}" for host in sorted({one.host for one in standins})]
    return "\n".join(lines) + "\n"


def tell(stage: Stage, console: Console) -> None:
    """After a failed build: the last things that went wrong with the stand-ins."""
    path = stage.directory / "log" / "error.log"
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            size = os.fstat(descriptor).st_size
            file.seek(max(0, size - LOG_BYTES))
            lines = file.read(LOG_BYTES).decode(errors="replace").splitlines()
        for line in lines[-LINES_TOLD:]:
            console.warn(f"mirrors: {line[:500]}")
