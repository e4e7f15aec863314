"""Build caches: each app's bounded in size, all of them together, and none kept for ever.

Touches: <state_dir>/cache, and <state_dir>/dockerfile where Dockerfiles' cache mounts are.
A cache is only touched under its app's lock, when no build can be using it; what is
inside, the app's builds wrote. A tool's folder goes as a whole: half a package cache
would be worse than none.
"""

import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paas.deploy.dependencies import BASES
from paas.model.app import App
from paas.platform import Platform
from paas.upkeep import policy
from paas.upkeep.layers import Spare
from paas.upkeep.round import Round

REMOVED = re.compile(r"\.removed-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Cache:
    """An app's cache: when its app was last built, and what it takes."""

    app: App
    path: Path
    used_at: float
    bytes: int


def roots(platform: Platform) -> tuple[Path, ...]:
    """Where caches are: of buildpacks and of Dockerfiles."""
    return platform.settings.state_dir / "cache", platform.settings.state_dir / "dockerfile"


def paths_of(platform: Platform, app: App) -> list[Path]:
    """An app's caches, those that are there."""
    found = [root / str(app.id) for root in roots(platform)]
    return [path for path in found if path.is_dir()]


def caches(round_: Round) -> None:
    """Caches of nobody, of apps not built for long, and whatever goes beyond the bounds."""
    if round_.wish.only is None:
        leftovers(round_)
    kept = [
        cache
        for app in round_.apps()
        for path in paths_of(round_.platform, app)
        if (cache := trimmed(round_, app, path)) is not None
    ]
    if round_.wish.only is None:
        bound_all(round_, kept)


def leftovers(round_: Round) -> None:
    """What interrupted removals left, and caches of apps that are gone: ids are not used again."""
    # before the apps: an app is there before its cache
    found = [path for root in roots(round_.platform) for path in listing(root)]
    ids = {str(app.id) for app in round_.platform.store.apps.list()}
    for path in found:
        if REMOVED.fullmatch(path.name) or (path.name.isdecimal() and path.name not in ids):
            round_.delete("cache", path, name=path.name)


def trimmed(round_: Round, known: App, path: Path) -> Cache | None:
    """An app's cache after what is too old or too large in it has gone; None when none is left."""
    with round_.undisturbed(known) as app:
        if app is None or not path.is_dir():
            return None
        used_at = path.stat().st_ctime  # every build takes it into its possession anew
        unused_s = time.time() - used_at
        if round_.wish.everything or unused_s > policy.cache_unused_s(round_.platform, app):
            drop(round_, app, path)
            return None
        left = trim(round_, app, path)
    return Cache(app, path, used_at, left)


def trim(round_: Round, app: App, path: Path) -> int:
    """Remove tools' folders, those unused for longest first, until the rest is within bounds."""
    limit, stamp = policy.cache_bytes(round_.platform, app), stamp_of(path)
    known_stamp, known_bytes = _measured.get(path, ((), 0))
    if stamp == known_stamp and known_bytes <= limit:
        return known_bytes
    measured = [(one, round_.errands.measure(one)) for one in listing(path)]
    total = sum(found.bytes for _, found in measured)
    _measured[path] = (stamp, total)
    for one, found in sorted(measured, key=lambda pair: (pair[1].whole, pair[1].newest)):
        if total > limit or not found.whole:
            drop(round_, app, one)
            total -= found.bytes
    return total


# what was measured, so that a cache no build has been at since is not measured again
_measured: dict[Path, tuple[tuple[int, ...], int]] = {}


def stamp_of(path: Path) -> tuple[int, ...]:
    """What changes with every build: it takes the folder, or one in it, into its possession."""
    return tuple(one.lstat().st_ctime_ns for one in (path, *listing(path)))


def bound_all(round_: Round, kept: list[Cache]) -> None:
    """Remove whole caches, of the apps built least recently, until all are within bounds."""
    total = sum(cache.bytes for cache in kept)
    for cache in sorted(kept, key=lambda one: one.used_at):
        if total <= round_.platform.settings.cache_bytes:
            return
        with round_.undisturbed(cache.app) as app:
            if app is not None and cache.path.is_dir():
                drop(round_, app, cache.path)
                total -= cache.bytes


def spare(round_: Round) -> list[Spare]:
    """Every cache, to be removed as a whole."""

    def removal(app: App, path: Path) -> Callable[[], None]:
        def remove() -> None:
            with round_.undisturbed(app) as mine:
                if mine is not None and path.is_dir():
                    drop(round_, mine, path)

        return remove

    found = [(app, path) for app in round_.apps() for path in paths_of(round_.platform, app)]
    return [Spare(path.stat().st_ctime, removal(app, path)) for app, path in found]


def purge(round_: Round, app: App) -> None:
    """All of an app's cache; the caller holds its lock."""
    for path in paths_of(round_.platform, app):
        drop(round_, app, path)
    # nor does its next new layer grow out of an earlier one
    properties = round_.platform.store.properties
    for key in properties.all(app, BASES):
        properties.set(app, BASES, key, None)


def drop(round_: Round, app: App, path: Path) -> None:
    """Have a cache, or a part of one, be gone at once, and then delete it."""
    whole = path.parent in roots(round_.platform)
    name = app.name if whole else path.name
    if not round_.wish.dry:
        root = path.parent if whole else path.parent.parent
        grave = root / f".removed-{secrets.token_hex(6)}"
        path.rename(grave)
        path = grave
    round_.delete("cache", path, name=name, app=app.name)


def listing(path: Path) -> list[Path]:
    """What is in a directory of our own; nothing when it is not there."""
    try:
        return [path / os.fsdecode(name) for name in sorted(os.listdir(path))]  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
