"""docker-options: `-v` and `--mount`, which are mounts of the app as storage:mount makes them.

They are kept, bounded and shown with those; a mount of storage:mount is an option here, too.
"""

from collections.abc import Sequence
from dataclasses import replace

from paas.commands import storage_legacy, storage_mounts
from paas.commands.context import Context
from paas.errors import PaasError
from paas.model import docker_mounts
from paas.model.app import App
from paas.model.docker_mounts import Wish
from paas.model.volume import LEGACY, PHASES, Attachment


def put(context: Context, app: App, phase: str, process: str, wanted: Sequence[Wish]) -> None:
    """Mount each in one phase more; within a change that is undone when one cannot be."""
    for wish in wanted:
        storage_legacy.have_folder(context, wish)
        one = wish.attachment((phase,), process)
        context.platform.store.volumes.get(one.volume)
        storage_mounts.own(context, one)
        have = context.platform.store.volumes.mounts(app)
        same = [other for other in have if other.key == one.key]
        if any(docker_mounts.words(other, "") != docker_mounts.words(one, "") for other in same):
            raise PaasError(
                f"{one.volume} is mounted at {one.path} in another way",
                f"see storage:list {app.name}, and storage:unmount it first",
            )
        wider = replace(same[0] if same else one, phases=phases_with(phase, same))
        others = [other for other in have if other not in same]
        storage_mounts.keep(context, app, [*others, wider])


def phases_with(phase: str, found: Sequence[Attachment]) -> tuple[str, ...]:
    """The phases of some mounts, and one more, in their order."""
    wanted = {phase}.union(*(one.phases for one in found))
    return tuple(one for one in PHASES if one in wanted)


def take(context: Context, app: App, phase: str, process: str, wanted: Sequence[Wish]) -> None:
    """Unmount each in one phase; PaasError for one that is not mounted in it."""
    store = context.platform.store.volumes
    for wish in wanted:
        key = wish.attachment((phase,), process).key
        have = store.mounts(app)
        found = [one for one in have if one.key == key and phase in one.phases]
        if not found:
            raise PaasError(
                f"{wish.source} is not mounted at {wish.path} so", "see docker-options:list"
            )
        store.mount(app, [left for one in have if (left := without(one, found, phase))])
        if key[0].startswith(LEGACY) and not store.used_by(key[0]):
            store.remove(key[0])  # it was made for the mount alone


def without(one: Attachment, found: Sequence[Attachment], phase: str) -> Attachment | None:
    """A mount without a phase, if it is one of these; None when no phase is left."""
    if one not in found:
        return one
    left = tuple(other for other in one.phases if other != phase)
    return replace(one, phases=left) if left else None


def listed(context: Context, app: App, phase: str, process: str = "") -> list[str]:
    """The mounts of a phase, of all process types or of one's own, as options."""
    return [
        docker_mounts.words(one, source(context, one))
        for one in context.platform.store.volumes.mounts(app)
        if phase in one.phases and one.process_type == process
    ]


def source(context: Context, one: Attachment) -> str:
    """The volume's name; the folder, where the volume is one that was made of it."""
    found = context.platform.store.volumes.find(one.volume)
    if found is not None and found.host_path and one.volume.startswith(LEGACY):
        return found.host_path
    return one.volume


def processes(context: Context, app: App, phase: str) -> set[str]:
    """The process types that have mounts of their own in a phase."""
    found = context.platform.store.volumes.mounts(app)
    return {one.process_type for one in found if phase in one.phases} - {""}
