"""The moment a backup is of: refs first, then the database in one view.

A deploy moves its branch after its release serves. So a branch here is never ahead of
the releases here: after a restore, the same push is news and deploys. A move that is
still to be made counts as made.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paas.backup.descriptors import temporary
from paas.command import Runner
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.git.packing import KEPT, Packing
from paas.git.repositories import Repositories
from paas.image.layers import Layers
from paas.image.stack import stack_root
from paas.model.app import App
from paas.model.push import Landing
from paas.model.release import Image, Layer, Release
from paas.settings import Settings
from paas.store import dump
from paas.store.store import Store

# a push has git move its objects and its branch just after its release serves
PUSH_ENDS_S = 3.0


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a worker reads from; no engine, no network, no proxy."""

    settings: Settings
    store: Store
    repositories: Repositories
    packing: Packing
    layers: Layers

    @classmethod
    def open(cls, settings: Settings) -> "Rooms":
        runner = Runner()
        return cls(
            settings,
            Store(settings),
            Repositories(settings, runner),
            Packing(settings, runner),
            Layers(settings.state_dir / "layers", (stack_root(settings),), settings.common_uids),
        )


@dataclass(frozen=True, slots=True)
class AppState:
    """One app as it was: its releases that can be gone back to, and its refs.

    refs has the commits of those releases too, where no branch has them any more.
    """

    app: App
    releases: tuple[Release, ...]
    current: Release | None
    refs: Mapping[str, str]
    shallow: bytes
    missing: frozenset[str]  # commits that the repository does not have


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it; tables: a temporary file of lines for each. images: those with a name."""

    apps: tuple[AppState, ...]
    tables: Mapping[str, IO[bytes]]
    images: tuple[Image, ...]


@contextmanager
def taken(
    rooms: Rooms, only: str | None, marks: Sequence[Sequence[str]], landing: Sequence[str]
) -> Iterator[Snapshot]:
    """The state of the instance, or of one app, now.

    marks: properties of apps that are none; landing: the property with a branch's next place.
    """
    with ExitStack() as kept:
        before = {app.name: refs_of(rooms, app) for app in rooms.store.apps.list()}
        failpoint("backup.refs")
        with rooms.store.view():
            apps = chosen(rooms, only, marks)
            releases = {app.id: rooms.store.releases.list(app) for app in apps}
            currents = {app.id: rooms.store.releases.current(app) for app in apps}
            landed = {app.name: landed_at(rooms, app, landing) for app in apps}
            tables = {
                name: kept.enter_context(spooled(rooms, name, apps[0] if only else None))
                for name in dump.tables()
            }
            images = named_images(rooms, apps, whole=only is None)
        failpoint("backup.tables")
        states = tuple(
            state_of(
                rooms,
                app,
                releases[app.id],
                currents[app.id],
                {**before.get(app.name, {}), **landed[app.name]},
            )
            for app in apps
        )
        yield Snapshot(states, tables, images)


def refs_of(rooms: Rooms, app: App) -> dict[str, str]:
    path = rooms.repositories.path(app.name)
    return rooms.packing.refs(path) if rooms.repositories.exists(app.name) else {}


def landed_at(rooms: Rooms, app: App, landing: Sequence[str]) -> dict[str, str]:
    """The branch that a deploy is about to move, where it will be; its commit is there already."""
    text = rooms.store.properties.get(app, *landing)
    move = Landing.decode(text) if text else None
    return {move.ref: move.commit} if move else {}


def chosen(rooms: Rooms, only: str | None, marks: Sequence[Sequence[str]]) -> list[App]:
    """The apps that are here to stay."""
    apps = [rooms.store.apps.get(only)] if only else rooms.store.apps.list()
    get = rooms.store.properties.get
    found = [app for app in apps if not any(get(app, space, key) for space, key in marks)]
    if only and not found:
        raise PaasError(f"{only} is coming or going just now", "do it again in a moment")
    return found


@contextmanager
def spooled(rooms: Rooms, table: str, app: App | None) -> Iterator[IO[bytes]]:
    """A table's lines in a temporary file."""
    with temporary(rooms.settings.state_dir) as file:
        file.writelines(rooms.store.dump(table, app))
        yield file


def state_of(
    rooms: Rooms,
    app: App,
    releases: list[Release],
    current: Release | None,
    refs: Mapping[str, str],
) -> AppState:
    kept = tuple(one for one in releases if one.status == "succeeded")
    if not rooms.repositories.exists(app.name):
        return AppState(app, kept, current, {}, b"", frozenset(commits(kept)))
    path = rooms.repositories.path(app.name)
    missing = missing_commits(rooms, path, kept, current)
    tips = {f"{KEPT}v{one.version}": one.image.commit for one in kept if one.image.commit}
    reachable = rooms.packing.unreachable(path, set(commits(kept)) - missing, refs.values())
    more = {name: oid for name, oid in tips.items() if oid in reachable}
    shallow = rooms.packing.shallow(path)
    return AppState(app, kept, current, {**refs, **more}, shallow, frozenset(missing))


def commits(releases: tuple[Release, ...]) -> list[str]:
    return [one.image.commit for one in releases if one.image.commit]


def missing_commits(
    rooms: Rooms, path: Path, releases: tuple[Release, ...], current: Release | None
) -> set[str]:
    """Commits that are not in the repository; the current one's is given a moment to come."""
    deadline = time.monotonic() + PUSH_ENDS_S
    while True:
        missing = set(commits(releases)) - rooms.packing.present(path, commits(releases))
        if current is None or current.image.commit not in missing or time.monotonic() > deadline:
            return missing
        time.sleep(0.05)


def named_images(rooms: Rooms, apps: list[App], *, whole: bool) -> tuple[Image, ...]:
    """Images that have a name: nothing here says how to make them again."""
    ids = {app.id for app in apps}
    return tuple(
        one.image
        for one in rooms.store.images.list()
        if one.app_id in ids or (whole and one.app_id is None)
    )


def layers_of(state: AppState, *, images: bool) -> list[Layer]:
    """Layers to take along: of every release, or only where they cannot be built again."""
    releases = state.releases if images else [one for one in (state.current,) if one]
    return [
        layer
        for one in releases
        if images or not one.image.commit or one.image.commit in state.missing
        for layer in one.image.layers
    ]
