"""Prune: what a deploy leaves over goes with it, and what an app had goes with the app.

Releases beyond the number kept, and layers that only one release could have, once none
has them. What may serve again (dependency layers, runtimes, stacks) is upkeep's.
"""

import logging
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from paas.deploy import policies
from paas.image.durable import remove_tree
from paas.image.record import Record
from paas.model.app import App
from paas.model.release import Release
from paas.platform import Platform

log = logging.getLogger(__name__)

# layers made by one build for one release; no other build finds them
OF_ONE_RELEASE = ("source-", "predeploy-")


@contextmanager
def tidied(platform: Platform, app: App) -> Iterator[None]:
    """Under the app's lock: layers that are found or made stay for the block, then leftovers go."""
    made: list[str] = []
    try:
        with platform.layers.leased() as lease:
            made = lease.made
            yield
    finally:
        try:
            leftovers(platform, app, made)
        except Exception:  # the operation's own outcome is what counts
            log.exception("could not prune %s", app.name)
            _left.set()


def leftovers(platform: Platform, app: App, made: Sequence[str]) -> None:
    """Releases beyond the number kept, and the layers that only they (or nobody) had."""
    removed = releases(platform, app) if policies.cleans_up(platform, app) else []
    theirs = {layer.id for release in removed for layer in release.image.layers}
    candidates = {one for one in (*theirs, *made) if one.startswith(OF_ONE_RELEASE)}
    graves = unneeded(platform, candidates) if candidates else []
    copies = [grave for one in made if (grave := platform.layers.remove_copy(one)) is not None]
    bury(platform, [*graves, *copies])


def releases(platform: Platform, app: App) -> list[Release]:
    """Forget releases beyond the number kept; what was forgotten. Under the app's lock."""
    return platform.store.releases.prune(app, policies.releases_kept(platform, app))


# set when something was left over that could not be removed at once
_left = threading.Event()


def once_more(platform: Platform) -> None:
    """Remove what an operation could not, as on a full disk; nothing when there is nothing."""
    if _left.is_set():
        _left.clear()
        try:
            orphans(platform)
        except Exception:
            _left.set()
            raise


def orphans(platform: Platform) -> None:
    """Remove layers that were made for one release and that no release has."""
    found = [layer.id for layer in platform.layers.list() if layer.id.startswith(OF_ONE_RELEASE)]
    graves = unneeded(platform, found)
    if graves:
        log.info("removed %d layers of no release", len(graves))
    bury(platform, graves)


def unneeded(platform: Platform, candidates: Collection[str]) -> list[Path]:
    """Take those layers away that no release has and nobody holds; where their files are.

    What is held, as by a container that is still being retired, is looked at once more later.
    """
    with platform.layers.collecting() as collection:
        unused = sorted(set(candidates) - needed(platform, candidates))
        graves = [grave for one in unused if (grave := collection.remove(one)) is not None]
    if len(graves) < len(unused):
        _left.set()
    return graves


def needed(
    platform: Platform,
    among: Collection[str] | None = None,
    *,
    besides: App | None = None,
    without: Sequence[int] = (),
) -> set[str]:
    """Ids of layers that a release has, or an image with a name; besides: that are not an app's.

    without: not those releases (ids of the database). Only within a collection is it known
    that nobody comes to need another layer meanwhile.
    """
    named = {
        layer.id
        for one in platform.store.images.list()
        if besides is None or one.app_id != besides.id
        for layer in one.image.layers
    }
    stacks = platform.store.stacks.list()
    named |= {layer.id for one in stacks if one.current for layer in (*one.run, *one.build)}
    releases_ = platform.store.releases
    return named | releases_.layers_needed(among, besides=besides, without=without)


def bury(platform: Platform, graves: Sequence[Path]) -> None:
    """Delete in the background what was taken away: nobody waits for it."""
    if graves:
        threading.Thread(
            target=bury_all, args=(platform, graves), name="prune", daemon=True
        ).start()


def bury_all(platform: Platform, graves: Sequence[Path]) -> None:
    for grave in graves:
        try:
            platform.layers.bury(grave)
        except OSError as error:
            log.warning("%s stays for now: %s", grave, error)


def everything(platform: Platform, app: App) -> None:
    """Remove every file of an app that is destroyed, but layers that others need."""
    bury(platform, app_layers(platform, app))
    state = platform.settings.state_dir
    for folder in (
        state / "cache" / str(app.id),
        state / "dockerfile" / str(app.id),
        state / "registry" / str(app.id),
        state / "builds" / app.name,
        state / "logs" / app.name,
    ):
        remove_tree(folder)


def app_layers(platform: Platform, app: App) -> list[Path]:
    """Take away what only the app's own builds could use."""
    with platform.layers.collecting() as collection:
        used = needed(platform, besides=app)
        graves = [
            collection.remove(record.layer.id)
            for record in platform.layers.all()
            if is_of(platform, app, record) and record.layer.id not in used
        ]
    return [grave for grave in graves if grave is not None]


def is_of(platform: Platform, app: App, record: Record) -> bool:
    """Whether a layer was made for the app alone; an older record tells by whose ids own it."""
    if record.app:
        return record.app == app.id
    mine = record.layer.uid_base == platform.settings.uids(app.slot)
    return mine and record.layer.id.startswith(OF_ONE_RELEASE)
