"""Volumes as containers get them: what an app has mounted, made ready, as mounts of a spec."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from paas.console import Console
from paas.deploy import fleet, volume_copies
from paas.errors import PaasError
from paas.model.app import App
from paas.model.container import ContainerSpec, Kind, Mount
from paas.model.volume import Attachment, Volume
from paas.platform import Platform

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
ENDED_S = 15.0  # for SIGKILL to be heard and all to be freed, when grace is over


def mounts(platform: Platform, app: App, phase: str, kind: str) -> tuple[Mount, ...]:
    """What a container of an app gets mounted; PaasError when some of it cannot be."""
    return tuple(
        mount(platform, one)
        for one in platform.store.volumes.mounts(app)
        if one.serves(phase, kind)
    )


def mount(platform: Platform, one: Attachment) -> Mount:
    """One mount, its volume made ready."""
    volume = ready(platform, platform.store.volumes.get(one.volume))
    wanted = whole(platform, volume, one.path)
    beneath = "/".join(filter(None, (wanted.beneath, one.subpath)))
    return replace(wanted, beneath=beneath, read_only=one.read_only, no_programs=one.no_programs)


def whole(platform: Platform, volume: Volume, target: str, *, read_only: bool = False) -> Mount:
    """A volume with all that is in it."""
    place = platform.volumes.place(volume)
    ids = platform.volumes.ids(volume)
    return Mount(place.root, target, read_only=read_only, ids=ids, beneath=place.beneath)


def ready(platform: Platform, volume: Volume) -> Volume:
    """Have a volume's files be where they are mounted from, as after a reboot or a restore."""
    if volume_copies.has_come_without_disk(platform, volume):
        volume_copies.move_into_disk(platform, volume)
    if not volume.host_path:
        platform.volumes.make(volume)
    return volume


def mount_all(platform: Platform) -> None:
    """Have every disk mounted after a reboot, also of volumes nobody uses: backups go through them.

    Files that came without their disk get one in the background.
    """
    came = []
    for volume in platform.store.volumes.list():
        try:
            if volume_copies.has_come_without_disk(platform, volume):
                came.append(volume)
            elif volume.size_bytes:
                platform.volumes.make(volume)
        except (PaasError, OSError):
            log.exception("volume %s cannot be mounted", volume.name)
    if came:
        threading.Thread(
            target=move_all, args=(platform, came), name="volumes", daemon=True
        ).start()


def move_all(platform: Platform, came: Sequence[Volume]) -> None:
    for volume in came:
        try:
            ready(platform, volume)
        except (PaasError, OSError):
            log.exception("volume %s has no disk yet", volume.name)


def free(platform: Platform, volume: Volume, console: Console) -> list[ContainerSpec]:
    """Wait for containers that are on their way out; those that have the volume and stay."""
    settings = platform.settings
    deadline = time.monotonic() + settings.drain_s + settings.stop_grace_s + ENDED_S
    told = False
    while found := users(platform, volume):
        if not all(leaving(platform, one) for one in found) or time.monotonic() > deadline:
            return found
        if not told:
            console.step(f"Waiting for {words(found)} to end")
            told = True
        console.check_cancelled()
        time.sleep(LOOK_EVERY_S)
    return []


def words(found: list[ContainerSpec]) -> str:
    """Containers by name: `web.1 of blog`."""
    return ", ".join(sorted(f"{one.hostname} of {one.app}" for one in found))


def leaving(platform: Platform, spec: ContainerSpec) -> bool:
    """Whether a container serves no more, and only finishes what it was at."""
    app = platform.store.apps.find(spec.app)
    return spec.kind is Kind.APP and (app is None or spec.id not in fleet.ids(platform, app))


def users(platform: Platform, volume: Volume) -> list[ContainerSpec]:
    """Containers that have the volume mounted now, whatever the database says by now."""
    try:
        place = platform.volumes.place(volume)
    except PaasError:
        return []  # its folder is none that may be mounted by now
    beneath = f"{place.beneath}/" if place.beneath else ""
    return [
        spec
        for spec in platform.engine.mounting(place.root)
        if any(f"{one.beneath}/".startswith(beneath) for one in spec.mounts if one.ids)
    ]
