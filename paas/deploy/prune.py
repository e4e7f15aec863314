"""Prune: releases beyond the number kept, and layers no release needs any more.

Only layers that belong to one app are touched, under that app's lock or after it;
stacks and shared runtimes stay.
"""

import logging
import threading
from collections.abc import Sequence

from paas.image.durable import remove_tree
from paas.model.app import App
from paas.model.release import Image, Layer
from paas.platform import Platform

log = logging.getLogger(__name__)


def later(platform: Platform, app: App) -> None:
    """Prune in the background: nobody waits for it."""
    threading.Thread(
        target=safely, args=(platform, app), name=f"prune-{app.name}", daemon=True
    ).start()


def safely(platform: Platform, app: App) -> None:
    try:
        releases(platform, app)
    except Exception:
        log.exception("could not prune %s", app.name)


def releases(platform: Platform, app: App) -> None:
    """Drop old releases and failed ones, and the layers only they had."""
    for removed in platform.store.releases.prune(app, platform.settings.releases_kept):
        image(platform, app, removed.image)


def image(platform: Platform, app: App, unused: Image) -> None:
    """Remove the layers of an image that no kept release and no container has."""
    needed = layers_needed(platform, app)
    for layer in unused.layers:
        if own(platform, app, layer) and layer.id not in needed:
            platform.layers.remove(layer.id)


def orphans(platform: Platform, apps: Sequence[App]) -> None:
    """Remove the apps' own layers that belong to no release; only while none of them deploys."""
    needed = {app.id: layers_needed(platform, app) for app in apps}
    for layer in platform.layers.list():
        for app in apps:
            if own(platform, app, layer) and layer.id not in needed[app.id]:
                log.info("removed layer %s of nobody", layer.id)
                platform.layers.remove(layer.id)


def own(platform: Platform, app: App, layer: Layer) -> bool:
    """Whether the app's own build made the layer from its source."""
    mine = layer.uid_base == platform.settings.uids(app.slot)
    return mine and layer.id.startswith(("source-", "predeploy-"))


def layers_needed(platform: Platform, app: App) -> set[str]:
    kept = [
        release.image for release in platform.store.releases.list(app) if release.status != "failed"
    ]
    running = [one.spec for one in platform.engine.list() if one.spec.slot == app.slot]
    stacks = [image.layers for image in kept] + [spec.layers for spec in running]
    return {layer.id for layers in stacks for layer in layers}


def everything(platform: Platform, app: App) -> None:
    """Remove every file of an app that is destroyed."""
    held = {
        layer.id
        for other in platform.store.apps.list()
        if other.id != app.id
        for release in platform.store.releases.list(other)
        for layer in release.image.layers
    }
    base = platform.settings.uids(app.slot)
    for layer in platform.layers.list():
        if layer.uid_base == base and layer.id not in held:
            platform.layers.remove(layer.id)
    state = platform.settings.state_dir
    for folder in (
        state / "cache" / str(app.id),
        state / "builds" / app.name,
        state / "logs" / app.name,
    ):
        remove_tree(folder)
