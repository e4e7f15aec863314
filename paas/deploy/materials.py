"""Materials: what a release's image is made of, and how it came to be, for whoever asks.

What is in a layer is looked at once, by a child, and kept beside the layer: by upkeep at
leisure, or when somebody asks first. A deploy never waits for it.
"""

import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from paas import settings
from paas.console import Console
from paas.deploy.source import SYMLINK
from paas.errors import PaasError
from paas.image import durable, mirrors, package_records, provenance, sbom
from paas.image.errands import Errands
from paas.image.package_records import Package
from paas.image.sbom import Subject
from paas.model.app import App
from paas.model.oci_export import Attach, Attachment, encoded
from paas.model.release import Image, Layer, Release
from paas.model.stack import PREFIX
from paas.platform import Platform
from paas.version import VERSION

NOTE = "packages.json"
RUST, LOCK, LOCK_BYTES = "rust", "Cargo.lock", 16 << 20
REVISION = 1  # raise it when more is found in a layer than before
# how a build words what a runtime's layer is: `python: runtime 3.13.1`
RUNTIME = re.compile(r"([a-z][a-z0-9-]*): (?:runtime|toolchain) v?(\d[\w.+-]*)")


def bill(platform: Platform, app: App, release: Release, console: Console) -> str:
    """The release's bill of materials: CycloneDX as JSON. PaasError when layers are gone."""
    image = release.image
    found = sbom.seen(inventories(platform, image.layers, console))
    found += [*runtimes(image), *crates(platform, app, image)]
    subject = Subject(app.name, release.name, image.id, release.created_at, image.commit)
    return sbom.document(subject, found, suite(platform, image), VERSION)


def suite(platform: Platform, image: Image) -> str:
    """Debian's suite that an image stands on, as the stack's own layer says; else the usual one."""
    for layer in image.layers[:1]:
        if layer.id.startswith(PREFIX):
            path = platform.layers.path(layer)
            return mirrors.codename(path / "usr/lib") or platform.stack.suite
    return platform.stack.suite


def statement(
    platform: Platform, app: App, release: Release, digests: dict[str, str] | None = None
) -> dict[str, Any]:
    """The release's provenance; digests: others that its image is known by."""
    build = platform.store.builds.of_release(app, release.version)
    return provenance.statement(app.name, release, build, settings.hostname(), digests or {})


def documents(platform: Platform, app: App, release: Release, console: Console) -> Attach:
    """Both, as what goes with an exported image: by its manifest's digest."""
    made = bill(platform, app, release, console).encode()

    def attach(digest: str) -> Iterator[Attachment]:
        told = statement(platform, app, release, {"sha256": digest.removeprefix("sha256:")})
        yield Attachment(sbom.MEDIA_TYPE, made)
        yield Attachment(provenance.MEDIA_TYPE, encoded(told))

    return attach


def runtimes(image: Image) -> list[Package]:
    """Languages' own programs: their layers say what they are."""
    found = (RUNTIME.fullmatch(step.words) for step in image.steps)
    return [Package("generic", match[1], match[2]) for match in found if match]


def crates(platform: Platform, app: App, image: Image) -> list[Package]:
    """What a Rust program was built from, by its commit's lock file: it says nothing itself."""
    repositories, commit = platform.repositories, image.commit
    if RUST not in image.buildpacks or not commit or not repositories.has(app.name, commit):
        return []
    path = f"{image.origin.root if image.origin else ''}/{LOCK}".lstrip("/")
    for entry in repositories.tree(app.name, commit, {}):
        if entry.path == path and entry.mode != SYMLINK and entry.size <= LOCK_BYTES:
            text = repositories.blob(app.name, entry.oid, {}, LOCK_BYTES)
            with suppress(*package_records.NOT_UNDERSTOOD):
                return list(package_records.cargo(io.BytesIO(text), path))
    return []


def debian_packages(
    platform: Platform, layers: Sequence[Layer], console: Console
) -> dict[str, str]:
    """Debian's packages in layers that lie upon each other: versions by name:architecture."""
    found = sbom.seen(inventories(platform, layers, console))
    return {one.name: one.version for one in found if one.type == "deb"}


def inventories(
    platform: Platform, layers: Sequence[Layer], console: Console
) -> list[dict[str, Any]]:
    """What is in each layer, bottom first; somebody waits for it."""
    with platform.layers.leased(), Errands(platform.runner, hurry=True) as errands:
        console.on_cancel(errands.stop)
        for layer in layers:
            if platform.layers.find(layer.id) is None:
                raise PaasError(
                    f"layer {layer.id} is not here any more, so nobody can look into it",
                    "only releases whose image is here have a bill of materials",
                )
        return [of_layer(platform, errands, layer) for layer in layers]


def of_layer(platform: Platform, errands: Errands, layer: Layer) -> dict[str, Any]:
    """A layer's packages, as kept or looked at now; OSError when it cannot be read."""
    kept = known(platform, layer)
    if kept is not None:
        return kept
    found = {"revision": REVISION, **errands.inventory(platform.layers.path(layer))}
    path = platform.layers.note(layer, NOTE)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    durable.write(path, json.dumps(found))
    return found


def known(platform: Platform, layer: Layer) -> dict[str, Any] | None:
    """What was found in a layer before; None when it is to be looked at."""
    try:
        found: dict[str, Any] = json.loads(platform.layers.note(layer, NOTE).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found if found.get("revision") == REVISION else None
