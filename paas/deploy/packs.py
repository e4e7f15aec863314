"""The buildpacks of a build: which were asked for, and other people's fetched and kept.

Each revision of another's pack is a layer, shared by all apps, and never changes.
Fetching runs in a build container of its own (buildpacks/lifecycle/fetch.py); the
builds that use a pack see it read-only and copy it.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from paas.deploy import policies
from paas.deploy.workshop import BUILDPACKS, Workshop, failure, run
from paas.errors import PaasError
from paas.model import buildpack
from paas.model.buildpack import Fetched, Kind, Reference
from paas.model.container import Mount
from paas.model.release import Layer
from paas.platform import Platform
from paas.settings import Settings

SCRATCH_BYTES = 512 << 20
FOLDER_BYTES, FOLDER_ENTRIES = 256 << 20, 20_000


@dataclass(frozen=True, slots=True)
class Pack:
    """One buildpack of a build: ours, or a revision of another one and the layer it is."""

    reference: Reference
    revision: str = ""
    layer: Layer | None = None

    @property
    def foreign(self) -> bool:
        return self.layer is not None

    @property
    def scripted(self) -> bool:
        """Whether it is run as programs, wherever the app's files are."""
        return self.foreign or not (BUILDPACKS / self.reference.address / "pack.py").is_file()


def own() -> list[str]:
    """The buildpacks that are ours, by name."""
    return sorted(path.parent.parent.name for path in BUILDPACKS.glob("*/bin/detect"))


# -- which -----------------------------------------------------------------------------


def asked_for(shop: Workshop) -> list[Reference]:
    """What builds the app, in order; nothing: whatever fits.

    The variable BUILDPACK_URL before buildpacks:set before .buildpacks before app.json,
    as in dokku. Raises PaasError for what cannot be had.
    """
    chosen = shop.platform.store.buildpacks.list(shop.app)
    in_config = shop.config.get("BUILDPACK_URL", "").strip()
    if in_config or not chosen:
        named = [in_config] if in_config else shop.source.buildpacks
        return [by_anybody(text) for text in named]
    return [by_administrator(shop.platform.settings, text) for text in chosen]


def by_anybody(text: str) -> Reference:
    """A reference in a repository or a variable: it cannot lead to the server's own files."""
    reference = buildpack.parse(text, own())
    if reference.kind is Kind.FOLDER:
        raise PaasError(
            f"{reference.text} is a folder of the server, which only an administrator may choose",
            f"paas buildpacks:set <app> {reference.text}",
        )
    return reference


def by_administrator(settings: Settings, text: str) -> Reference:
    """A reference as somebody gave it who may use the server's folders, those that are allowed."""
    reference = buildpack.parse(text, own())
    if reference.kind is Kind.FOLDER:
        folder(settings, reference.address)
    return reference


def folder(settings: Settings, text: str) -> Path:
    """A folder of the server with buildpacks, which must be below one that is allowed."""
    path = Path(text).resolve()
    if not any(path.is_relative_to(Path(root).resolve()) for root in settings.buildpack_dirs):
        raise PaasError(
            f"{text} is not below a folder that buildpacks may come from",
            f"move it below {' or '.join(settings.buildpack_dirs) or 'one'}, "
            "or add its folder to buildpack_dirs in the settings",
        )
    if not path.is_dir():
        raise PaasError(f"there is no folder {text}", "see its name with ls")
    return path


# -- fetching --------------------------------------------------------------------------


def ready(
    shop: Workshop, references: Sequence[Reference], *, insist: bool = False
) -> tuple[Pack, ...]:
    """Every buildpack at its newest revision, those of others fetched where they changed.

    insist: what is kept will not do where a newer one cannot be asked for.
    """
    return tuple(
        Pack(reference) if reference.kind is Kind.OWN else latest(shop, reference, insist=insist)
        for reference in references
    )


def latest(shop: Workshop, reference: Reference, *, insist: bool) -> Pack:
    """A pack of somebody else's; where it cannot be reached, the revision that is kept."""
    with shop.platform.locks.hold(
        f"buildpack {reference.text}", shop.console, f"the fetch of {reference.text}"
    ):
        known = kept(shop.platform, reference)
        if known is not None and reference.pinned:
            return pack_of(shop, reference, known)
        try:
            return pack_of(shop, reference, fetched(shop, reference, known))
        except PaasError as error:
            if known is None or insist or shop.console.cancelled.is_set():
                raise
            shop.console.warn(error.message)
            shop.console.warn(f"building with what is kept of it: {known.revision[:12]}")
            return pack_of(shop, reference, known)


def kept(platform: Platform, reference: Reference) -> Fetched | None:
    """The revision a reference had at the last fetch, when its files are there."""
    known = platform.store.buildpacks.fetched(reference.text)
    return known if known is not None and platform.layers.find(known.layer) else None


def pack_of(shop: Workshop, reference: Reference, known: Fetched) -> Pack:
    """The pack of a build, its files leased for as long as the build runs."""
    layer = shop.platform.layers.find(known.layer)
    if layer is None:
        raise PaasError(f"the buildpack {reference.text} is gone from the disk", "push again")
    shop.console.step(f"Using buildpack {reference.text} ({known.revision[:12]})")
    return Pack(reference, known.revision, layer)


def fetched(shop: Workshop, reference: Reference, known: Fetched | None) -> Fetched:
    """What the reference means now, fetched unless that is what is kept."""
    revision = reference.revision
    if reference.kind is Kind.FOLDER:
        revision = folder_revision(Path(reference.address))
        if known is not None and known.revision == revision:
            return known
    if known is None:
        shop.console.step(f"Fetching buildpack {reference.text}")
    document = {
        "kind": str(reference.kind),
        "address": reference.address,
        "revision": revision,
        "known": known.revision if known else "",
    }
    layers, base = shop.platform.layers, shop.platform.settings.uids(shop.app.slot)
    upper = layers.new_upper(base)
    try:
        found = run_fetch(shop, document, upper)
        if known is not None and found == known.revision:
            layers.discard(upper)
            return known
        layer = layers.adopt(upper, layer_id(reference, found), base, common=True)
    except BaseException:
        layers.discard(upper)
        raise
    return shop.platform.store.buildpacks.keep(reference.text, found, layer.id)


def run_fetch(shop: Workshop, document: dict[str, str], upper: Path) -> str:
    """Run the fetch to its end; the revision it found."""
    folder = document["kind"] == Kind.FOLDER
    mounts = (Mount(Path(document["address"]).resolve(), "/source"),) if folder else ()
    arguments = ("fetch", "--pack", json.dumps(document))
    status, results = run(
        shop,
        arguments,
        [],
        upper,
        (),
        shared=True,
        mounts=mounts,
        disk_bytes=SCRATCH_BYTES,
    )
    if status.code != 0:
        raise failure(shop, status, results)
    revision = results["fetch"].get("revision")
    if not isinstance(revision, str) or not 0 < len(revision) <= 64 or not revision.isalnum():
        raise PaasError(f"the fetch of {document['address']} ended without a revision")
    return revision


def layer_id(reference: Reference, revision: str) -> str:
    text = f"{reference.kind} {reference.address} {revision}"
    return f"pack-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


# -- folders of the server -----------------------------------------------------------------


def folder_revision(path: Path) -> str:
    """A hash of a folder's files: names, modes, links' targets and contents."""
    digest = hashlib.sha256()
    total = 0
    for count, (name, status, data) in enumerate(folder_entries(path), start=1):
        total += len(data)
        if count > FOLDER_ENTRIES or total > FOLDER_BYTES:
            raise PaasError(f"{path} is too large for a buildpack", "keep in it what it needs")
        digest.update(f"{name}\0{stat.S_IMODE(status.st_mode):o}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def folder_entries(root: Path) -> Iterator[tuple[str, os.stat_result, bytes]]:
    """Every file and link below a folder, in a stable order, links not followed."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted([*files, *(one for one in folders if Path(folder, one).is_symlink())]):
            path = Path(folder, name)
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                yield str(path.relative_to(root)), status, os.fsencode(path.readlink())
            elif stat.S_ISREG(status.st_mode) and status.st_size <= FOLDER_BYTES:
                yield str(path.relative_to(root)), status, path.read_bytes()


# -- what a build is told ------------------------------------------------------------------


def arguments(packs: Sequence[Pack]) -> list[str]:
    """The lifecycle's words for these packs."""
    places = (f"/layers/{number}/app" for number in range(len(packs)))
    entries = [
        {"name": pack.reference.text, **({"path": next(places)} if pack.foreign else {})}
        for pack in packs
    ]
    return ["--buildpacks", json.dumps(entries)] if entries else []


def layers(packs: Sequence[Pack]) -> tuple[Layer, ...]:
    """What a build must be shown: other people's packs, in order."""
    return tuple(pack.layer for pack in packs if pack.layer is not None)


def apart(shop: Workshop, packs: Sequence[Pack]) -> bool:
    """Whether the app is built in a place of its own, as on Heroku, and put in /app at the end.

    Ours install below /app, so not with them; or when the app does not want it.
    """
    if policies.builds_in_app_dir(shop.platform, shop.app):
        return False
    return bool(packs) and all(pack.scripted for pack in packs)
