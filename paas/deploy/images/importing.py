"""Import: an image from elsewhere becomes one of ours, layer by layer.

Its layers are unpacked on the bench; here they are taken over, by a rename, under names
made of what is in them: two images with equal layers share them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from paas.console import Console
from paas.deploy.images import bench as benches
from paas.deploy.images.bench import Bench, Work
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.image import accounts, opaque
from paas.image.descend import descended
from paas.model import oci
from paas.model.app import App
from paas.model.container import SAME_IDS, Mount
from paas.model.release import Image, Layer
from paas.platform import Platform

DIGEST_SHOWN = 32
# an archive, its layers packed and the layers unpacked lie side by side for a while
COPIES = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an image is fetched from, and how that is said.

    options are fetch's (buildpacks/images/fetch.py); secrets are files for it alone.
    """

    words: str
    options: dict[str, Any]
    mounts: tuple[Mount, ...] = ()
    secrets: dict[str, str] = field(default_factory=dict, repr=False)


def archive(name: str = "", words: str = "an archive") -> Origin:
    """An archive on standard input; name: which image of it, where it holds several."""
    return Origin(words, {"kind": "archive", "name": name})


def layout(path: Path, name: str = "") -> Origin:
    """An OCI layout in a directory of the host."""
    mount = Mount(path, "/source", ids=SAME_IDS)
    return Origin(f"the layout {path}", {"kind": "layout", "name": name}, (mount,))


def import_image(
    platform: Platform,
    app: App | None,
    origin: Origin,
    console: Console,
    *,
    stdin: int | None = None,
    known: Mapping[str, Layer] | None = None,
) -> Image:
    """The image at its origin, its layers ours; app: whose alone it is to be (None: everybody's).

    known: layers by the digests they have at a registry, which need not be fetched again.
    """
    settings = platform.settings
    with benches.bench(platform, app, console) as bench, benches.drafts(bench) as out:
        options = {
            "source": {**origin.options, "known": sorted(known or ())},
            "bytes": settings.image_max_bytes,
            "entries": settings.image_max_files,
        }
        mounts = (*origin.mounts, Mount(out, "/out", read_only=False))
        disk_bytes = COPIES * settings.image_max_bytes
        work = Work("import", options, mounts, disk_bytes, secrets=origin.secrets)
        found = benches.run(bench, work, stdin)["image"]
        failpoint("image.unpacked")
        layers = list(taken(bench, out, found, known or {}))
        return made(platform, found, layers, origin)


def taken(
    bench: Bench, out: Path, found: dict[str, Any], known: Mapping[str, Layer]
) -> Iterator[Layer]:
    """Each unpacked layer as one of ours, bottom first."""
    for number, entry in enumerate(entries(found)):
        digest = entry["digest"]
        if entry["reused"]:
            if digest not in known:
                raise PaasError("the image was not unpacked whole", "try again")
            yield known[digest]
        else:
            yield adopt(bench, out, str(number), entry["diff_id"], entry["opaque"])


def entries(found: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """What was reported of each layer, in the form it must have."""
    layers = found.get("layers")
    if not isinstance(layers, list):
        raise PaasError("the image could not be unpacked", "the lines above may say why")
    for entry in layers:
        shape = isinstance(entry, dict) and all(
            isinstance(entry.get(key), kind)
            for key, kind in (("digest", str), ("diff_id", str), ("reused", bool), ("opaque", list))
        )
        if not shape or not all(isinstance(path, str) for path in entry["opaque"]):
            raise PaasError("the image could not be unpacked", "the lines above may say why")
    return layers


def adopt(bench: Bench, out: Path, files: str, diff_id: str, hiding: Sequence[str]) -> Layer:
    """A directory that was unpacked becomes a layer, named after the tar it was."""
    layers, app = bench.platform.layers, bench.app
    digest = diff_id.removeprefix("sha256:")[:DIGEST_SHOWN]
    name = f"image-{app.id}-{digest}" if app else f"image-{digest}"
    existing = layers.find(name)
    if existing is not None:
        return existing
    with descended(out) as folder:
        draft = layers.take(folder, files, bench.uid_base)
    try:
        opaque.mark(draft, hiding)
        return layers.adopt(
            draft, name, bench.uid_base, app=app.id if app else 0, common=app is None
        )
    except BaseException:
        layers.discard(draft)
        raise


def made(
    platform: Platform, found: dict[str, Any], layers: Sequence[Layer], origin: Origin
) -> Image:
    """The image of these layers, run as its description says."""
    document = found.get("config")
    if not isinstance(document, dict):
        raise PaasError("the image has no description")
    digest = str(found.get("digest", ""))[:71]
    config = oci.config(document, f"{origin.words} ({digest})" if digest else origin.words)
    config = replace(config, user=accounts.find(platform.layers, layers, config.user_name))
    return Image(
        id=digest.removeprefix("sha256:")[:DIGEST_SHOWN],
        layers=each_once(layers),
        processes=oci.processes(config),
        environment=oci.environment(document),
        commit=config.labels.get(oci.REVISION_LABEL, "")[:64],
        config=replace(config, blobs=blobs(found, layers)),
        steps=oci.steps(document, [layer.id for layer in layers]),
    )


def each_once(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Without layers that come again further up: those hide them wholly."""
    return tuple(reversed(dict.fromkeys(reversed(layers))))


def blobs(found: dict[str, Any], layers: Sequence[Layer]) -> dict[str, str]:
    """The layers by the digests they had where they came from."""
    return {entry["digest"]: layer.id for entry, layer in zip(entries(found), layers, strict=True)}
