"""The Dockerfile builder: buildah on the bench, its layers taken over by a rename.

Bases are images of ours, shown read-only; steps of earlier builds likewise, so that only
what changed is done again. A build's own storage ends with it: nothing of it is copied,
and nothing in it is ever another app's.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from paas.console import Console
from paas.deploy import build_config, environment, policies, prune, workshop
from paas.deploy.images import bases, steps_kept
from paas.deploy.images import bench as benches
from paas.deploy.images.bench import Bench, Work
from paas.deploy.images.importing import each_once
from paas.deploy.images.shelf import Book, Shelf
from paas.deploy.images.steps_kept import Kept
from paas.deploy.source import Source, git_dir, manifest_text, tar_of
from paas.engines.embedded import seccomp
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.image import accounts, opaque, provenance
from paas.image.descend import descended
from paas.model import docker_options, dockerfile, oci
from paas.model.app import App
from paas.model.container import ROOT_CAPABILITIES, Mount, Power
from paas.model.docker_options import BuildOptions
from paas.model.image import Origin
from paas.model.release import Image, Layer
from paas.platform import Platform

NAME = "Dockerfile"
FILE_BYTES = 1 << 20
STORAGE = ("storage", "overlay")
CACHE_MOUNTS = "/var/tmp/buildah-cache-0"  # noqa: S108 - buildah's place, in the sandbox
# certificate authorities that a Debian machine was given by its owner
OWN_AUTHORITIES = Path("/usr/local/share/ca-certificates")
AUTHORITIES_INSIDE = "/dev/paas/ca.crt"  # in a step that the build adds to each stage
SOURCE_VERSION = "SOURCE_VERSION"
NAMED_BY = 32
IDENTITY = re.compile(r"[0-9a-f]{64}")


def fits(platform: Platform, app: App, source: Source, config: dict[str, str]) -> bool:
    """Whether a commit has a Dockerfile, and nobody asked for buildpacks."""
    wants_packs = (
        platform.store.buildpacks.list(app)
        or source.manifest.buildpacks
        or ".buildpacks" in source.files
        or "BUILDPACK_URL" in config
    )
    return path_of(platform, app) in source.files and not wants_packs


def path_of(platform: Platform, app: App) -> str:
    """Where the app's Dockerfile is."""
    return policies.value(platform, app, "builder-dockerfile", "dockerfile-path") or NAME


def build(
    platform: Platform, app: App, source: Source, config: dict[str, str], console: Console
) -> Image:
    """The image that a commit's Dockerfile describes; PaasError with the step that failed."""
    text = text_of(platform, app, source)
    options = docker_options.of_build(platform.store.docker_options.list(app, "build"), config)
    options = replace(options, arguments=arguments(platform, app, source, text, options))
    shelf, kept = Shelf(), steps_kept.read(platform, app)
    named = dockerfile.images_named(text, options.arguments)
    upon = []
    for name, image in bases.find_all(platform, app, named, console, pull=options.pull):
        shelf.put_base(image, bases.names_inside(name))
        upon.append((name, provenance.digest(image)))
    below = set(shelf.books)
    steps_kept.put_on(platform, shelf, kept)
    with (
        platform.builds.hold("", console, f"the build of {app.name}"),
        benches.bench(platform, app, console) as bench,
        benches.drafts(bench) as out,
    ):
        work = work_of(bench, options, text, config, shelf, out)
        found, error = built(bench, source, work)
        failpoint("build.compiled")
        new = harvest(bench, shelf, out, found)
        keep(platform, app, steps_kept.after(shelf, kept, below, new, used(found)), kept)
        if error is not None:
            raise error
    return replace(made(platform, source, shelf, found), origin=Origin(bases=tuple(upon)))


def text_of(platform: Platform, app: App, source: Source) -> str:
    """The Dockerfile of a commit."""
    path = path_of(platform, app)
    text = manifest_text(platform, source.push, source.files, path)
    if text is None:
        raise PaasError(
            f"the commit has no {path}",
            f"commit one, or name it: paas builder-dockerfile:set {app.name} dockerfile-path ...",
        )
    return text


def arguments(
    platform: Platform, app: App, source: Source, text: str, options: BuildOptions
) -> dict[str, str]:
    """Build arguments: what ARG asks for of the commit, mirrors and build-only variables.

    What docker-options says wins. Other variables of the app's are no arguments, as on dokku:
    an argument can be read in the image's history.
    """
    offered = {
        SOURCE_VERSION: source.push.new,
        **environment.revision(platform, app, source.push.new),
        **build_config.of_build(platform, app, {}),
    }
    wanted = {key: value for key, value in offered.items() if dockerfile.declares(text, key)}
    return {**wanted, **options.arguments}


# -- the build -------------------------------------------------------------------------------


def work_of(
    bench: Bench,
    options: BuildOptions,
    text: str,
    config: Mapping[str, str],
    shelf: Shelf,
    out: Path,
) -> Work:
    """What the tool gets: the commit comes on its standard input."""
    assert bench.app is not None  # noqa: S101 - a Dockerfile is an app's
    mounts = steps_kept.home(bench.platform, bench.app) / steps_kept.MOUNTS
    workshop.make_owned(mounts, bench.uid_base, 0o700)
    return Work(
        "build",
        {
            **shelf.described(),
            "file": path_of(bench.platform, bench.app),
            "target": options.target,
            "no_cache": options.no_cache,
            "labels": options.labels,
            "capabilities": list(ROOT_CAPABILITIES),
            "authorities": any(OWN_AUTHORITIES.glob("**/*.crt")),
        },
        mounts=(Mount(out, "/out", read_only=False), Mount(mounts, CACHE_MOUNTS, read_only=False)),
        disk_bytes=bench.platform.settings.build_disk_bytes,
        shown=tuple(shelf.shown()),
        power=Power.TOOLS,
        results=("build", "error"),
        words="the build",
        secrets={
            **{f"secrets/{key}": value for key, value in config.items()},
            "Dockerfile": bases.with_names_inside(text, options.arguments),
            "arguments": "".join(f"{key}={value}\n" for key, value in options.arguments.items()),
            "seccomp.json": json.dumps(seccomp.profile()),
        },
    )


def built(bench: Bench, source: Source, work: Work) -> tuple[dict[str, Any], PaasError | None]:
    """Run the build with the commit; what it reports, also when it failed."""
    assert bench.app is not None  # noqa: S101 - a commit is an app's
    more = git_dir(bench.platform, bench.app, source.push, bench.directory / "git")
    with tar_of(bench.platform, source, more=more) as stdin:
        results, error = benches.attempt(bench, work, stdin)
    return results["build"], error


# -- what it made ------------------------------------------------------------------------------


def harvest(bench: Bench, shelf: Shelf, out: Path, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Take the new layers over, and put them and their images on the shelf; the images."""
    for entry in listed(found, "layers", ("id", "parent", "diff")):
        if entry["id"] not in shelf.books:
            layer = adopted(bench, out, entry)
            size = entry["size"] if isinstance(entry.get("size"), int) else 0
            shelf.put(Book(entry["id"], entry["parent"], entry["diff"], size, layer))
    images = listed(found, "images", ("id", "layer", "config", "manifest"))
    return [image for image in images if shelf.put_image(image)]


def listed(found: dict[str, Any], key: str, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Entries of a list that was reported, those that have the texts they must have."""
    entries = found.get(key)
    return [
        entry
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict)
        and all(isinstance(entry.get(text), str) for text in texts)
        and IDENTITY.fullmatch(entry["id"])
    ]


def adopted(bench: Bench, out: Path, entry: dict[str, Any]) -> Layer:
    """One layer of the build's storage as one of ours, by a rename."""
    assert bench.app is not None  # noqa: S101 - a Dockerfile is an app's
    layers, name = bench.platform.layers, f"dockerfile-{bench.app.id}-{entry['id'][:NAMED_BY]}"
    existing = layers.find(name)
    if existing is not None:
        return existing
    hiding = entry.get("opaque")
    try:
        with descended(out, *STORAGE, entry["id"]) as home:
            draft = layers.take(home, "diff", bench.uid_base)
    except OSError as error:
        raise PaasError("the build's layers are not where they should be") from error
    try:
        opaque.mark(draft, [path for path in hiding or () if isinstance(path, str)])
        return layers.adopt(draft, name, bench.uid_base, app=bench.app.id)
    except BaseException:
        layers.discard(draft)
        raise


def used(found: dict[str, Any]) -> set[str]:
    """Ids of images that the build took steps from."""
    ids = found.get("used")
    return {one for one in ids if isinstance(one, str)} if isinstance(ids, list) else set()


def keep(platform: Platform, app: App, now: Kept, before: Kept) -> None:
    """Remember the steps, and let go of layers that neither they nor a release have."""
    steps_kept.write(platform, app, now)
    gone = {book.layer.id for book in before.books} - {book.layer.id for book in now.books}
    prune.bury(platform, prune.unneeded(platform, gone))


def made(platform: Platform, source: Source, shelf: Shelf, found: dict[str, Any]) -> Image:
    """The image that the build ended with."""
    image = shelf.images.get(str(found.get("image", "")))
    if image is None:
        raise PaasError("the build ended without an image", "the lines above may say why")
    document = parsed(image["config"])
    stack = [book.layer for book in shelf.chain(image["layer"])]
    config = oci.config(document, "")
    user = accounts.find(platform.layers, stack, config.user_name)
    return Image(
        id=image["id"][:NAMED_BY],
        layers=each_once(stack),
        processes=processes(source, oci.processes(replace(config, labels={}))),
        environment=oci.environment(document),
        commit=source.push.new,
        manifest=source.manifest.document,
        config=replace(config, user=user),
        steps=tuple(
            step
            for step in oci.steps(document, [layer.id for layer in stack])
            if AUTHORITIES_INSIDE not in step.words
        ),
    )


def parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise PaasError("the image that was built has no description")
    return value


def processes(source: Source, usual: dict[str, str]) -> dict[str, str]:
    """The Procfile's processes in place of CMD; one that only has a release task adds to it."""
    declared = source.processes or {}
    if set(declared) <= {"release"}:
        return {**usual, **declared}
    return declared
