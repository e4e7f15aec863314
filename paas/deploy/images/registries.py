"""Registries: images pulled from them, with an app's login or the instance's.

A login never leaves the container that speaks to the registry, in which nobody else's
code runs. What was pulled with an app's own login is that app's alone.
"""

import base64
import json

from paas.console import Console
from paas.deploy.images import catalogue, importing
from paas.deploy.images.catalogue import Named
from paas.deploy.images.importing import Origin
from paas.model import reference
from paas.model.app import App
from paas.model.reference import Reference
from paas.model.release import Image, Layer
from paas.platform import Platform
from paas.store.registries import Login

AUTHENTICATION = "auth.json"
# what people and their tools call the same registry
HUB_NAMES = frozenset(
    {"", "docker.io", "index.docker.io", "hub.docker.com", "registry-1.docker.io"}
)


def server_name(text: str) -> str:
    """A registry's name as logins are kept under it: `docker.io`, `ghcr.io`, `host:5000`."""
    name = text.removeprefix("https://").removeprefix("http://").rstrip("/").partition("/")[0]
    if name in HUB_NAMES:
        return reference.HUB
    reference.parse(f"{name}/x")
    return name


def login_for(platform: Platform, app: App | None, server: str) -> tuple[Login | None, App | None]:
    """The login at a registry, and whose it is: the app's own, else the instance's."""
    for owner in (app, None) if app else (None,):
        found = platform.store.registries.get(owner, server)
        if found is not None:
            return found, owner
    return None, None


def authentication(login: Login | None) -> dict[str, str]:
    """The login as a file of containers-auth.json(5); nothing where there is none."""
    if login is None:
        return {}
    pair = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
    server = "https://index.docker.io/v1/" if login.server == reference.HUB else login.server
    return {AUTHENTICATION: json.dumps({"auths": {server: {"auth": pair}}})}


def origin(platform: Platform, wanted: Reference, login: Login | None) -> Origin:
    """Where an image is pulled from."""
    options = {
        "kind": "registry",
        "reference": str(wanted),
        "insecure": wanted.domain in platform.settings.insecure_registries,
    }
    return Origin(str(wanted), options, secrets=authentication(login))


def pull(platform: Platform, app: App | None, text: str, console: Console, actor: str) -> Named:
    """Pull an image and keep it under the registry's name, for whoever's login it took."""
    wanted = reference.parse(text).remote
    login, owner = login_for(platform, app, wanted.domain)
    with platform.layers.leased():
        image = fetched(platform, owner, wanted, login, console)
        platform.store.images.set(owner, str(wanted), image, actor)
    return Named(str(wanted), image, owner)


def fetch(platform: Platform, app: App | None, text: str, console: Console) -> Image:
    """Pull an image for an app alone, or (None) for everybody, without keeping its name."""
    wanted = reference.parse(text).remote
    login, _ = login_for(platform, app, wanted.domain)
    return fetched(platform, app, wanted, login, console)


def fetched(
    platform: Platform,
    owner: App | None,
    wanted: Reference,
    login: Login | None,
    console: Console,
) -> Image:
    """The image, without fetching layers that are here already."""
    console.step(f"Pulling {wanted}")
    known = known_layers(platform, owner)
    return importing.import_image(
        platform, owner, origin(platform, wanted, login), console, known=known
    )


def known_layers(platform: Platform, owner: App | None) -> dict[str, Layer]:
    """Layers by the digests they had at registries, of images that the owner may see."""
    found: dict[str, Layer] = {}
    for image in (named.image for named in catalogue.seen_by(platform, owner)):
        by_id = {layer.id: layer for layer in image.layers}
        for digest, layer_id in (image.config.blobs if image.config else {}).items():
            layer = by_id.get(layer_id) and platform.layers.find(layer_id)
            if layer is not None:
                found[digest] = layer
    return found
