"""The pack builder: Cloud Native Buildpacks, by their own lifecycle, on the bench.

The lifecycle is built once, from the Go module proxy, and is a layer of everybody's. A build
keeps its layers in the app's own cache, and the image it exports in an OCI layout beside
them; what of it is new is taken over, on top of the stack. Source: platform spec, API 0.14.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

from paas.console import Console
from paas.deploy import build_config, packs, policies, stacks, standins, workshop
from paas.deploy.images import bench as benches
from paas.deploy.images.bench import Bench, Work
from paas.deploy.images.importing import DIGEST_SHOWN, blobs, taken
from paas.deploy.source import Source, git_dir, manifest_text, tar_of
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.image import accounts
from paas.image.descend import descended
from paas.model import mirrors, oci
from paas.model.app import App
from paas.model.container import APP_UID, Mount
from paas.model.names import PROCESS
from paas.model.release import Image, Layer
from paas.platform import Platform

NAMESPACE = "builder-pack"
PATH_PROPERTY, GIVEN_PROPERTY = "projecttoml-path", "buildpacks-dir"
DESCRIPTOR = "project.toml"
PROGRAM = "cnb"
GIVEN_INSIDE = "/buildpacks-given"
MADE_OF = ("cnb/install.py", "cnb/lifecycle/go.mod", "cnb/lifecycle/go.sum", "go/install.py")
INSTALL_BYTES = 4 << 30
PROCESSES_AT_MOST = 100
# the entrypoint of what is not a process of the buildpacks': it sets their variables
LAUNCHER = "/cnb/lifecycle/launcher"


def fits(platform: Platform, app: App, source: Source, config: dict[str, str]) -> bool:
    """Whether a commit's project.toml names buildpacks, and nobody asked for other ones."""
    asked = platform.store.buildpacks.list(app) or source.buildpacks or "BUILDPACK_URL" in config
    return not asked and names_buildpacks(descriptor(platform, app, source) or "")


def descriptor(platform: Platform, app: App, source: Source) -> str | None:
    """The app's project.toml."""
    return manifest_text(platform, source.push, source.files, path_of(platform, app))


def path_of(platform: Platform, app: App) -> str:
    return policies.value(platform, app, NAMESPACE, PATH_PROPERTY) or DESCRIPTOR


def names_buildpacks(text: str) -> bool:
    """Whether a project.toml is one of Cloud Native Buildpacks; what is no TOML is judged later."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError):
        return "io.buildpacks" in text
    spec = document.get("io")
    legacy = document.get("build")
    return (isinstance(spec, dict) and isinstance(spec.get("buildpacks"), dict)) or (
        isinstance(legacy, dict) and "buildpacks" in legacy
    )


def build(
    platform: Platform, app: App, source: Source, config: dict[str, str], console: Console
) -> Image:
    """The image that an app's buildpacks make of a commit; PaasError with the phase that failed."""
    base = stacks.of_app(platform, app)
    lifecycle = installed(platform, console)
    with platform.builds.hold("", console, f"the build of {app.name}"):
        known = kept(platform, app)
        with (
            benches.bench(platform, app, console) as bench,
            benches.drafts(bench) as out,
            standins.serving(platform, app, bench.directory, console) as files,
        ):
            work = work_of(bench, config, sorted(known), out)
            work = replace(work, layers=(*base.build, lifecycle), files=files)
            found = run(bench, source, work)
            failpoint("build.compiled")
            layers = list(taken(bench, out, found, known))
        return made(platform, source, base.run, layers, found)


def work_of(bench: Bench, config: Mapping[str, str], known: Sequence[str], out: Path) -> Work:
    assert bench.app is not None  # noqa: S101 - a commit is an app's
    platform, app, settings = bench.platform, bench.app, bench.platform.settings
    options = {
        "project": path_of(platform, app),
        "known": known,
        "uid": APP_UID,
        "bytes": settings.image_max_bytes,
        "entries": settings.image_max_files,
    }
    mounts = [Mount(out, "/out", read_only=False), Mount(cache(bench), "/cache", read_only=False)]
    given = policies.value(platform, app, NAMESPACE, GIVEN_PROPERTY)
    if given:
        mounts.append(Mount(packs.folder(settings, given), GIVEN_INSIDE))
    return Work(
        "build",
        options,
        program=PROGRAM,
        mounts=tuple(mounts),
        disk_bytes=platform.disk.allowance(settings.build_disk_bytes),
        words="the build",
        environment=environment(platform, app),
        secrets={f"env/{key}": value for key, value in config.items()},
    )


def cache(bench: Bench) -> Path:
    """The app's build cache, in which the tools have a folder."""
    assert bench.app is not None  # noqa: S101 - a commit is an app's
    root = bench.platform.settings.state_dir / "cache" / str(bench.app.id)
    root.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    workshop.make_owned(root, bench.uid_base + APP_UID, 0o700)
    return root


def environment(platform: Platform, app: App | None) -> dict[str, str]:
    """What tools on the bench find: mirrors, and where certificates are."""
    named = mirrors.variables(build_config.addresses(platform, app))
    bundles = ("PIP_CERT", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return {**dict.fromkeys(bundles, workshop.CERTIFICATES), **named, "UV_NATIVE_TLS": "1"}


def run(bench: Bench, source: Source, work: Work) -> dict[str, Any]:
    """Run the build with the commit; what it says of the image."""
    assert bench.app is not None  # noqa: S101 - a commit is an app's
    more = git_dir(bench.platform, bench.app, source.push, bench.directory / "git")
    with tar_of(bench.platform, source, more=more) as stdin:
        found: dict[str, Any] = benches.run(bench, work, stdin)["image"]
    return found


# -- the lifecycle ---------------------------------------------------------------------------


def installed(platform: Platform, console: Console) -> Layer:
    """The layer with the lifecycle's programs, built when it is not here."""
    name = lifecycle_id(platform)
    found = platform.layers.find(name)
    if found is not None:
        return found
    with platform.builds.hold("cnb-lifecycle", console, "the lifecycle"):
        found = platform.layers.find(name)
        if found is not None:  # whoever held it before made it
            return found
        with benches.bench(platform, None, console) as bench, benches.drafts(bench) as out:
            work = Work(
                "install",
                {"out": "/out/layer"},
                program=PROGRAM,
                mounts=(Mount(out, "/out", read_only=False),),
                disk_bytes=INSTALL_BYTES,
                words="building the lifecycle",
                environment=environment(platform, None),
                layers=platform.stack.build_layers,
            )
            benches.run(bench, work)
            return adopted(bench, out, name)


def adopted(bench: Bench, out: Path, name: str) -> Layer:
    layers = bench.platform.layers
    with descended(out) as folder:
        draft = layers.take(folder, "layer", bench.uid_base)
    try:
        return layers.adopt(draft, name, bench.uid_base, common=True)
    except BaseException:
        layers.discard(draft)
        raise


def lifecycle_id(platform: Platform) -> str:
    """Changes with what the lifecycle is built from and built on."""
    digest = hashlib.sha256(platform.stack.digest.encode())
    for name in MADE_OF:
        digest.update((workshop.BUILDPACKS / name).read_bytes())
    return f"cnb-lifecycle-{digest.hexdigest()[:12]}"


# -- what it made -----------------------------------------------------------------------------


def kept(platform: Platform, app: App) -> dict[str, Layer]:
    """Layers of the app's last image, by the digests they had in the layout."""
    current = platform.store.releases.current(app)
    config = current.image.config if current else None
    ids = config.blobs if config else {}
    found = {digest: platform.layers.find(one) for digest, one in ids.items()}
    return {digest: layer for digest, layer in found.items() if layer is not None}


def made(
    platform: Platform,
    source: Source,
    stack: Sequence[Layer],
    layers: Sequence[Layer],
    found: dict[str, Any],
) -> Image:
    """The image of the stack and what was exported above it."""
    document = found.get("config")
    if not isinstance(document, dict):
        raise PaasError("the image that was built has no description")
    whole = (*stack, *dict.fromkeys(layers))
    config = oci.config(document, "")
    user = accounts.find(platform.layers, whole, config.user_name)
    digest = str(found.get("digest", "")).removeprefix("sha256:")
    return Image(
        id=digest[:DIGEST_SHOWN],
        layers=whole,
        processes=processes(source, found),
        environment=oci.environment(document),
        commit=source.push.new,
        manifest=source.manifest.document,
        config=replace(
            config, entrypoint=(LAUNCHER,), command=(), user=user, blobs=blobs(found, layers)
        ),
        steps=oci.steps(document, [stack[-1].id, *(layer.id for layer in layers)]),
    )


def processes(source: Source, found: dict[str, Any]) -> dict[str, str]:
    """The Procfile's processes, as scripts for the launcher, over those of the buildpacks."""
    types = found.get("processes")
    declared = {
        kind: f"{oci.BUILDPACK_PROCESSES}{kind}"
        for kind in (types if isinstance(types, list) else [])[:PROCESSES_AT_MOST]
        if isinstance(kind, str) and PROCESS.fullmatch(kind)
    }
    written = {kind: quote(line) for kind, line in (source.processes or {}).items()}
    if not declared and not written:
        raise PaasError(
            "the buildpacks declared no process",
            "add a Procfile, or a buildpack that writes processes into launch.toml",
        )
    return {**declared, **written} if set(written) <= {"release"} else written
