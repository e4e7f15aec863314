"""The plan of a restore: which apps come under which names, and which layers with them.

Reads the archive's head and its database; changes nothing.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from paas.backup.head import PLATFORM, AppEntry, Checked, Head, LayerEntry
from paas.backup.members import damaged
from paas.backup.owners import Move
from paas.errors import PaasError, UsageError
from paas.image.record import Record
from paas.model.app import App
from paas.model.names import app_name
from paas.model.release import Image, Layer
from paas.platform import Platform
from paas.settings import Settings
from paas.store.store import Store

NOBODYS = -1  # no app has this id


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of an archive: everything, or one app, under a name of its own or its old.

    trusted_holes: files with holes may be larger than the disk. accepts: whether an app's
    property (namespace, key, value) is one that somebody could set here; None: nobody sets it.
    of_root: root asks, so that code comes too, of plugins and the administrator's hooks.
    """

    app: str | None = None
    name: str | None = None
    whole: bool = False
    trusted_holes: bool = False
    of_root: bool = False
    accepts: Callable[[str, str, str], bool | None] = lambda _space, _key, _value: None
    passphrase: str | None = field(default=None, repr=False)


def coming(platform: Platform, head: Head, wanted: Wanted) -> tuple[tuple[AppEntry, str], ...]:
    """The apps that come, and their names here; PaasError when they cannot."""
    refuse_strange_names(head)
    if wanted.whole:
        if head.kind != PLATFORM:
            raise PaasError(
                f"this is the backup of app {head.apps[0].name if head.apps else '?'} alone",
                "bring it back with apps:import",
            )
        refuse_apps(platform)
        found = tuple((entry, entry.name) for entry in head.apps)
    else:
        entry = chosen(head, wanted.app)
        found = ((entry, wanted.name or entry.name),)
    refuse_taken(platform, [name for _, name in found])
    room = platform.settings.slots - len(platform.store.apps.list())
    if len(found) > room:
        raise PaasError(
            f"{len(found)} apps come, and there is room for {room}: every app has a network",
            "choose a larger subnet_pool or a longer subnet_prefix",
        )
    return found


def chosen(head: Head, name: str | None) -> AppEntry:
    """The app of that name, or the only one there is."""
    if name is not None:
        return head.app(name)
    if len(head.apps) != 1:
        raise PaasError(
            f"this backup has {len(head.apps)} apps, and one is brought back at a time",
            "say which: --from APP",
        )
    return head.apps[0]


def refuse_strange_names(head: Head) -> None:
    """Names become names of files: those that no app can have are nobody's."""
    for entry in head.apps:
        try:
            app_name(entry.name)
        except UsageError as error:
            raise damaged(f"it has an app named {entry.name[:80]!r}") from error


def refuse_apps(platform: Platform) -> None:
    """A restore of everything needs an instance without apps."""
    names = [app.name for app in platform.store.apps.list()]
    if names:
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise PaasError(
            f"there are apps here: {shown}; nothing was changed",
            "restore onto an instance without apps (paas apps:destroy APP), "
            "or bring single apps back: paas apps:import",
        )


def refuse_taken(platform: Platform, names: Sequence[str]) -> None:
    for name in names:
        if platform.store.apps.find(name) is not None:
            raise PaasError(
                f"App {name} exists already; nothing was changed",
                "give another name, or destroy that one first",
            )


# -- layers ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Layers:
    """What becomes of the archive's layers: those that are unpacked, and all by their id there."""

    incoming: Mapping[str, Record]
    known: Mapping[str, Layer]

    def bases(self, head: Head) -> dict[str, tuple[int, int]]:
        """Base there and here of each that is unpacked, by its id here."""
        there = {one.id: one.uid_base for one in head.layers}
        return {
            record.layer.id: (there[name], record.layer.uid_base)
            for name, record in self.incoming.items()
        }

    def image(self, image: Image) -> Image:
        """The image with its layers as they are here."""
        return replace(image, layers=tuple(self.known.get(one.id, one) for one in image.layers))


def layers(
    platform: Platform, checked: Checked, staged: Store, apps: Mapping[int, App], *, whole: bool
) -> Layers:
    """Which layers are unpacked and how they are called here.

    apps: those that come, by their id there. Names are kept only when everything comes:
    another's layers shall not be found by builds of the apps that are here.
    """
    move = move_of(checked.head, platform.settings, apps)
    entries = {one.id: one for one in checked.head.layers if one.id in checked.manifest.layers}
    wanted = [one for one in needed(staged, apps, whole=whole) if one in entries]
    incoming: dict[str, Record] = {}
    known: dict[str, Layer] = {}
    for name in dict.fromkeys(part for one in wanted for part in with_files(entries, one)):
        present = here(platform, name, whole=whole)
        if present is not None:
            known[name] = present
            continue
        entry = entries[name]
        layer = Layer(
            name if whole else f"import-{secrets.token_hex(16)}",
            based(platform, move, entry, next(iter(apps.values()), None), whole=whole),
            entry.bytes,
        )
        same_as = files_of(platform, known[entry.same_as]) if entry.same_as else ""
        known[name] = layer
        incoming[name] = Record(layer, owner(entry, apps, whole=whole), entry.digest, same_as)
    return Layers(incoming, known)


def needed(staged: Store, apps: Mapping[int, App], *, whole: bool) -> Iterator[str]:
    """Layers of releases that can be gone back to, and of images with a name."""
    for app in staged.apps.list():
        for release in staged.releases.list(app) if app.id in apps else ():
            if release.status == "succeeded":
                yield from (layer.id for layer in release.image.layers)
    for image in staged.images.list():
        if image.app_id in apps or (whole and image.app_id is None):
            yield from (layer.id for layer in image.image.layers)


def with_files(entries: Mapping[str, LayerEntry], name: str) -> tuple[str, ...]:
    """A layer behind the one whose files it has."""
    other = entries[name].same_as
    if not other:
        return (name,)
    if other not in entries or entries[other].same_as:
        raise damaged(f"layer {name[:80]} has the files of a layer that is not there")
    return (other, name)


def here(platform: Platform, name: str, *, whole: bool) -> Layer | None:
    """The layer that is here already: of the same stack, or of this very instance."""
    found = platform.layers.find(name)
    if found is None or whole:
        return found
    return found if platform.stack.layers.find(name) is not None else None


def files_of(platform: Platform, layer: Layer) -> str:
    """The id of the layer that has the files: another's for one of the same content."""
    present = platform.layers.record(layer.id)
    return present.files_in if present else layer.id


def based(
    platform: Platform, move: Move, entry: LayerEntry, first: App | None, *, whole: bool
) -> int:
    """The first id a layer's files are owned from here."""
    if entry.uid_base == 0:
        return 0
    if not whole and first is not None:
        return platform.settings.uids(first.slot)
    return move.base(entry.uid_base)


def owner(entry: LayerEntry, apps: Mapping[int, App], *, whole: bool) -> int:
    """The id of the app whose builds alone may use a layer; 0: any app's."""
    if not whole:
        return next((app.id for app in apps.values()), NOBODYS)
    return apps[entry.app].id if entry.app in apps else (NOBODYS if entry.app else 0)


def move_of(head: Head, settings: Settings, apps: Mapping[int, App]) -> Move:
    """How ids there become ids here. apps: those that come, by their id there."""
    base, slots = head.settings.get("uid_base"), head.settings.get("slots")
    if type(base) is not int or type(slots) is not int or not 0 < slots < 1 << 16 or base < 0:
        raise damaged("it does not say which ids its files have")
    slot_of = {entry.id: entry.slot for entry in head.apps}
    moved = {slot_of[there]: app.slot for there, app in apps.items()}
    return Move(base, slots, settings.uid_base, settings.slots, moved)
