"""Who takes how much of the disk: apps, what they share, and what nobody needs now."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from paas.disk import amount
from paas.image.errands import Errands
from paas.model.app import App
from paas.platform import Platform
from paas.upkeep import caches

LARGEST = 3
FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class AppSize:
    """Bytes of disk by what they are for.

    own: layers that no other app has; shared: layers that others have too, the stack
    among them; scratch: what its running containers have written.
    """

    name: str
    own: int = 0
    shared: int = 0
    cache: int = 0
    repository: int = 0
    logs: int = 0
    scratch: int = 0

    @property
    def total(self) -> int:
        """What would be free if the app were not there."""
        return self.own + self.cache + self.repository + self.logs + self.scratch


@dataclass(frozen=True, slots=True)
class Sizes:
    """All apps, largest first; layers that several share, once; layers that nobody needs now.

    volumes: theirs and their snapshots', which are no app's.
    """

    apps: tuple[AppSize, ...]
    shared: int
    unneeded: int
    volumes: int
    at: datetime

    @property
    def fresh(self) -> bool:
        """Whether it was measured of late."""
        return datetime.now(UTC) - self.at < FRESH

    @property
    def largest(self) -> str:
        """`blog 3.2 GiB (build cache 2.1 GiB), shop 1.1 GiB`."""
        return ", ".join(named(one) for one in self.apps[:LARGEST] if one.total >= 1 << 20)


def named(one: AppSize) -> str:
    most = f" (build cache {amount(one.cache)})" if one.cache > one.total / 2 else ""
    return f"{one.name} {amount(one.total)}{most}"


def measured(platform: Platform, errands: Errands) -> Sizes:
    """Everything, measured now."""
    stored = stored_by_app(platform)
    holders = Counter(layer_id for ids in stored.values() for layer_id in ids)
    several = {one for one, count in holders.items() if count > 1 or is_shared(platform, one)}
    nobodys = [one.layer.id for one in platform.layers.all() if one.files_in not in holders]
    found = [
        app_size(platform, errands, app, stored.get(app.id, set()), several)
        for app in platform.store.apps.list()
    ]
    return Sizes(
        tuple(sorted(found, key=lambda one: -one.total)),
        layer_bytes(platform, errands, several),
        layer_bytes(platform, errands, nobodys),
        sum(taken(errands, path) for path in platform.volumes.stored_in()),
        datetime.now(UTC),
    )


def stored_by_app(platform: Platform) -> dict[int, set[str]]:
    """The layers in which each app's are stored, by the app's id."""
    found = {}
    for app_id, ids in platform.store.releases.layers_by_app().items():
        records = [platform.layers.record(layer_id) for layer_id in ids]
        found[app_id] = {record.files_in for record in records if record is not None}
    return found


def is_shared(platform: Platform, layer_id: str) -> bool:
    """Whether a layer would stay without the app, though only that one has it now: a stack."""
    return platform.stack.layers.record(layer_id) is not None


def app_size(
    platform: Platform, errands: Errands, app: App, stored: set[str], several: set[str]
) -> AppSize:
    state = platform.settings.state_dir
    containers = [one.id for one in platform.engine.list() if one.spec.slot == app.slot]
    scratch = [state / "scratch" / one / "disk" for one in containers]
    logs = (state / "logs" / app.name, state / "builds" / app.name)
    return AppSize(
        app.name,
        own=layer_bytes(platform, errands, stored - several),
        shared=layer_bytes(platform, errands, stored & several),
        cache=taken(errands, *caches.paths_of(platform, app)),
        repository=taken(errands, platform.repositories.path(app.name)),
        logs=taken(errands, *logs),
        scratch=taken(errands, *scratch),
    )


def layer_bytes(platform: Platform, errands: Errands, ids: Iterable[str]) -> int:
    """What layers take together: files that several of them have by one name each count once."""
    return taken(errands, *(platform.layers.path_of(layer_id) for layer_id in sorted(ids)))


def taken(errands: Errands, *paths: Path) -> int:
    """Bytes of trees; 0 for what cannot be measured."""
    try:
        return errands.measure(*paths).bytes
    except OSError:
        return 0
