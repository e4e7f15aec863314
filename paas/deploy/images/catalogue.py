"""The catalogue: every image there is a name for, and who may see it.

Names of ours begin with paas/: the stacks (`paas/stack:run`, `:build`) and the apps'
releases (`paas/app/blog:v7`). Others were given when an image was imported, pulled,
committed or tagged; an app's own hide everybody's of the same name.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from paas.errors import PaasError
from paas.model import reference
from paas.model.app import App
from paas.model.image import ImageConfig, Step
from paas.model.names import app_name
from paas.model.reference import Reference
from paas.model.release import Image, Layer, Release
from paas.platform import Platform
from paas.store.images import NamedImage

STACK = "paas/stack"
APP_PREFIX = "paas/app/"
VERSION = re.compile(r"v([1-9]\d{0,8})", re.ASCII)
SHARED = ("images", "shared-with")
EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Named:
    """An image under the name it was asked by.

    release: of an app, when it is one's; created_at: None of a stack, which says no time.
    """

    name: str
    image: Image
    app: App | None = None
    release: Release | None = None
    created_at: datetime | None = None


def find(platform: Platform, asker: App | None, text: str) -> Named | None:
    """The image of a name as an app (None: an administrator) sees it; None when there is none.

    Raises PaasError where there is one that the asker may not have.
    """
    wanted = reference.parse(text).tagged
    if not wanted.domain and wanted.path.startswith("paas/"):
        return ours(platform, asker, wanted)
    for name in dict.fromkeys((str(wanted), str(wanted.remote))):
        for owner in (asker, None) if asker else (None,):
            kept = platform.store.images.get(owner, name)
            if kept is not None:
                return of_kept(kept, owner)
    return None


def get(platform: Platform, asker: App | None, text: str) -> Named:
    """The image of a name, or PaasError saying what there is."""
    found = find(platform, asker, text)
    if found is None:
        raise PaasError(f"there is no image {text[:120]}", "see paas images:list")
    return found


def of_words(platform: Platform, text: str) -> Named:
    """What an administrator means by a word: an app, one of its releases, or an image's name."""
    name, colon, tag = text.partition(":")
    app = platform.store.apps.find(name) if re.fullmatch(r"[a-z0-9.-]+", name) else None
    if app is not None and (not colon or tag == reference.LATEST or VERSION.fullmatch(tag)):
        return of_app(platform, app, tag)
    return get(platform, None, text)


# -- names of ours ---------------------------------------------------------------------------


def ours(platform: Platform, asker: App | None, wanted: Reference) -> Named:
    """A stack, or an app's image."""
    if wanted.path == STACK:
        return of_stack(platform, wanted)
    if wanted.path.startswith(APP_PREFIX):
        app = platform.store.apps.get(app_name(wanted.path.removeprefix(APP_PREFIX)))
        if asker is not None and asker.id != app.id and not shares(platform, app, asker):
            raise PaasError(
                f"{app.name} does not share its image with {asker.name}",
                f"paas images:set {app.name} shared-with {asker.name}",
            )
        return of_app(platform, app, wanted.tag)
    raise PaasError(
        f"there is no image {wanted}",
        f"names that begin with paas/ are {STACK}:run, {STACK}:build and {APP_PREFIX}<app>",
    )


def shares(platform: Platform, app: App, asker: App) -> bool:
    """Whether another app may build upon an app's image."""
    allowed = (platform.store.properties.get(app, *SHARED) or "").split(",")
    return bool({asker.name, EVERYBODY} & set(allowed))


def of_stack(platform: Platform, wanted: Reference) -> Named:
    variants = {"run": platform.stack.run_layers, "build": platform.stack.build_layers}
    tag = "run" if wanted.tag == reference.LATEST else wanted.tag
    if tag not in variants:
        raise PaasError(f"there is no stack {wanted}", f"there are {STACK}:run and {STACK}:build")
    layers = variants[tag]
    image = Image(
        id=layers[-1].id,
        layers=layers,
        processes={"web": "/bin/bash"},
        environment={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        config=ImageConfig(command=("/bin/bash",), source=f"the stack {STACK}:{tag}"),
        steps=tuple(
            Step(f"the stack {layer.id.removeprefix('stack-')}", layer.id) for layer in layers
        ),
    )
    return Named(f"{STACK}:{tag}", image)


def of_app(platform: Platform, app: App, tag: str) -> Named:
    """An app's current image, or the one of a release."""
    version = VERSION.fullmatch(tag)
    if version:
        release = platform.store.releases.get(app, int(version[1]))
    else:
        current = platform.store.releases.current(app)
        if current is None:
            raise PaasError(f"{app.name} has not been deployed yet")
        release = current
    return of_release(app, release)


def of_release(app: App, release: Release) -> Named:
    name = f"{APP_PREFIX}{app.name}:{release.name}"
    return Named(name, release.image, app, release, release.created_at)


# -- all of them -----------------------------------------------------------------------------


def all_images(platform: Platform) -> Iterator[Named]:
    """Every image that is kept: of releases, by app and newest first, then those with names."""
    apps = {app.id: app for app in platform.store.apps.list()}
    releases = platform.store.releases.usable()
    for app in apps.values():
        yield from (of_release(app, release) for release in releases.get(app.id, ()))
    for kept in platform.store.images.list():
        yield of_kept(kept, apps.get(kept.app_id or 0))


def images_of(platform: Platform, app: App) -> Iterator[Named]:
    """The same of one app."""
    return (one for one in seen_by(platform, app) if one.app is not None)


def seen_by(platform: Platform, app: App | None) -> Iterator[Named]:
    """An app's own images, and those with names that are everybody's."""
    if app is not None:
        kept = platform.store.releases.list(app)
        yield from (of_release(app, one) for one in kept if one.status != "failed")
    for named in platform.store.images.list():
        if named.app_id is None or (app is not None and named.app_id == app.id):
            yield of_kept(named, app if named.app_id else None)


def of_kept(kept: NamedImage, app: App | None) -> Named:
    return Named(kept.name, kept.image, app, created_at=kept.created_at)


@dataclass(frozen=True, slots=True)
class Size:
    """Disk that an image's layers take, and what of it no other app or image has a part in."""

    bytes: int
    own_bytes: int


class Sizes:
    """Sizes of images, by who else has their layers; as it is when this is made."""

    def __init__(self, platform: Platform) -> None:
        self._layers = platform.layers
        self._known: dict[str, Layer | None] = {}
        self._users: dict[str, set[str]] = defaultdict(set)
        for app_id, layers in platform.store.releases.layers_by_app().items():
            self._note(layers, of_id(app_id))
        for kept in platform.store.images.list():
            owner = of_id(kept.app_id) if kept.app_id else of_name(kept.name)
            self._note([layer.id for layer in kept.image.layers], owner)
        self._stacks = {layer.id for layer in platform.stack.build_layers}

    def of(self, named: Named) -> Size:
        """How large an image is."""
        layers = self._stored(layer.id for layer in named.image.layers)
        mine = [one for one in layers if self._users[one.id] <= {owner_of(named)}]
        own = sum(one.bytes for one in mine if one.id not in self._stacks)
        return Size(sum(one.bytes for one in layers), own)

    def _note(self, layers: Iterable[str], owner: str) -> None:
        for layer in self._stored(layers):
            self._users[layer.id].add(owner)

    def _stored(self, ids: Iterable[str]) -> list[Layer]:
        """Each once, and without those that are gone."""
        found = (self._find(one) for one in ids)
        return list({one.id: one for one in found if one is not None}.values())

    def _find(self, layer_id: str) -> Layer | None:
        """The layer that has its files; looked up once."""
        if layer_id not in self._known:
            self._known[layer_id] = self._layers.holder(layer_id)
        return self._known[layer_id]


def owner_of(named: Named) -> str:
    """An app shares with itself: its releases count as one."""
    return of_id(named.app.id) if named.app else of_name(named.name)


def of_id(app_id: int) -> str:
    return f"app {app_id}"


def of_name(name: str) -> str:
    return f"image {name}"
