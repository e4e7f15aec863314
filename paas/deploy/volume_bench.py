"""Containers of the platform's own that have a volume: to look into it, and to copy its files.

What apps wrote is never gone through by the daemon itself: whoever makes links and folders
change places while it is copied changes nothing but the copy.
"""

from pathlib import Path

from paas.console import Console
from paas.deploy.foreground import attached
from paas.errors import PaasError
from paas.model.container import ContainerSpec, Ids, Kind, Limits, Mount, Power, new_container_id
from paas.model.release import Image
from paas.platform import Platform

PLATFORM_SLOT = 0
NAME = "storage"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FROM, TO = "/from", "/to"
COPY = ("/bin/cp", "-a", "--reflink=auto", "-T", FROM, TO)
COPY_S = 24 * 3600.0


def container(
    platform: Platform,
    argv: tuple[str, ...],
    uid: int,
    mounts: tuple[Mount, ...],
    cwd: str = "/",
    image: Image | None = None,
) -> ContainerSpec:
    """A one-off container on the stack, or of an image, in the platform's own range of ids."""
    settings = platform.settings
    home = "/root" if uid == 0 else "/tmp"  # noqa: S108 - its own
    return ContainerSpec(
        id=new_container_id(),
        app=NAME,
        slot=PLATFORM_SLOT,
        kind=Kind.RUN,
        process=NAME,
        index=1,
        layers=image.layers if image else platform.stack.run_layers,
        argv=argv,
        environment={
            "PATH": PATH,
            "HOME": home,
            "LANG": "C.UTF-8",
            **(image.environment if image else {}),
        },
        uid=uid,
        power=Power.ROOT if uid == 0 else Power.NONE,
        cwd=cwd,
        limits=Limits(
            memory_bytes=settings.app_memory_bytes,
            pids=settings.app_pids,
            scratch_bytes=settings.app_scratch_bytes,
        ),
        mounts=mounts,
    )


def copy(
    platform: Platform, source: Path, target: Path, ids: tuple[Ids, ...], console: Console
) -> None:
    """Copy all that is in a folder into another, with owners, links, holes and attributes."""
    mounts = (Mount(source, FROM, ids=ids), Mount(target, TO, read_only=False, ids=ids))
    spec = container(platform, COPY, 0, mounts)
    status = attached(platform, spec, console, timeout_s=COPY_S)
    if status.code != 0:
        raise PaasError(f"copying the volume {status.reason}", "the lines above say why")
