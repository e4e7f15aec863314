"""An image of ours described for others: what Docker, buildah and registries read.

Pure; equal images give equal bytes. Source: OCI image spec 1.1 (config.md, manifest.md,
image-layout.md); Docker's image archive beside it, as `docker load` takes it.
"""

import hashlib
import json
import platform
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from paas.model import oci
from paas.model.container import APP_UID
from paas.model.image import Health, ImageConfig, Step
from paas.model.release import Image

LAUNCH = "/.paas/launch"
PATH = "/usr/local/bin:/usr/bin:/bin"
PORT = 5000
EPOCH = "1970-01-01T00:00:00Z"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY, EMPTY_DATA = "application/vnd.oci.empty.v1+json", b"{}"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Tar:
    """One layer for others: its tar's digest and size, and how it came to be."""

    diff_id: str
    bytes: int
    step: Step


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document that goes with an image, such as its bill of materials."""

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Referrer:
    """An attachment as a layout has it: its entry in the index, and its blobs."""

    listed: dict[str, Any]
    blobs: tuple[bytes, ...]


Attach = Callable[[str], Iterable[Attachment]]


def nothing(_digest: str) -> Iterable[Attachment]:
    return ()


def described(image: Image, tars: Sequence[Tar], created: str) -> dict[str, Any]:
    """The image's configuration; created is an RFC 3339 time."""
    return {
        "created": created,
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": foreign(image, image.config) if image.config else launched(image),
        "rootfs": {"type": "layers", "diff_ids": [tar.diff_id for tar in tars]},
        "history": history(image, tars),
    }


def launched(image: Image) -> dict[str, Any]:
    """An app that buildpacks made: started by the launcher, which a layer of its own brings."""
    environment = {"PATH": PATH, "HOME": "/app", "LANG": "C.UTF-8", **image.environment}
    web = image.processes.get("web")
    return {
        "User": f"{APP_UID}:{APP_UID}",
        "Env": pairs({**environment, "PORT": str(PORT)}),
        "Entrypoint": [LAUNCH],
        "Cmd": [web] if web else None,
        "WorkingDir": "/app",
        "ExposedPorts": {f"{PORT}/tcp": {}},
        "Labels": labels(image),
    }


def foreign(image: Image, config: ImageConfig) -> dict[str, Any]:
    """An image from elsewhere, as it described itself."""
    found: dict[str, Any] = {
        "User": config.user_name,
        "Env": pairs(image.environment),
        "Entrypoint": list(config.entrypoint) or None,
        "Cmd": list(config.command) or None,
        "WorkingDir": config.directory,
        "ExposedPorts": {f"{port}/tcp": {} for port in config.ports},
        "Volumes": {path: {} for path in config.volumes},
        "Labels": {**config.labels, **labels(image)},
        "StopSignal": signal.Signals(config.stop_signal).name if config.stop_signal < 32 else "",
        "Healthcheck": healthcheck(config.health) if config.health else None,
        "Shell": list(config.run_by),
        "OnBuild": list(config.on_build),
    }
    return {key: value for key, value in found.items() if value}


def labels(image: Image) -> dict[str, str]:
    """What of an app a plain image has no place for."""
    found = {}
    if image.config is None or set(image.processes) != {"web"}:
        found[oci.PROCESSES_LABEL] = json.dumps(image.processes, sort_keys=True)
    if image.commit:
        found[oci.REVISION_LABEL] = image.commit
    return found


def pairs(environment: dict[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in environment.items()]


def healthcheck(health: Health) -> dict[str, Any]:
    """Docker's form; times are nanoseconds there."""
    return {
        "Test": ["CMD", *health.command],
        "Interval": int(health.interval_s * 10**9),
        "Timeout": int(health.timeout_s * 10**9),
        "StartPeriod": int(health.start_period_s * 10**9),
        "Retries": health.retries,
    }


def history(image: Image, tars: Sequence[Tar]) -> list[dict[str, Any]]:
    """One entry a layer, and those between them that added none."""
    if not image.steps:
        return [entry(tar.step) for tar in tars]
    added = {tar.step.layer for tar in tars if tar.step.layer}
    known = {step.layer for step in image.steps}
    late = [entry(tar.step) for tar in tars if tar.step.layer not in known]
    return [
        entry(step) if step.layer in added else {**entry(step), "empty_layer": True}
        for step in image.steps
    ] + late


def entry(step: Step) -> dict[str, Any]:
    return {"created": step.created_at or EPOCH, "created_by": step.words}


# -- files of a layout -------------------------------------------------------------------


def encoded(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob(name: str) -> str:
    """Where a layout keeps what has a digest."""
    return "blobs/" + name.replace(":", "/", 1)


def pair(image: Image, tars: Sequence[Tar], created: str) -> tuple[bytes, bytes]:
    """The image's configuration and its manifest."""
    config = encoded(described(image, tars, created))
    manifest = encoded(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, digest(config), len(config)),
            "layers": [descriptor(LAYER, tar.diff_id, tar.bytes) for tar in tars],
        }
    )
    return config, manifest


def documents(
    image: Image, tars: Sequence[Tar], name: str, created: str, attach: Attach = nothing
) -> dict[str, bytes]:
    """Every file of the image's layout and archive but the layers, by name.

    attach: what goes with it, by its manifest's digest.
    """
    config, manifest = pair(image, tars, created)
    subject = descriptor(MANIFEST, digest(manifest), len(manifest))
    attached = [referrer(one, subject) for one in attach(digest(manifest))]
    listed = {
        **subject,
        "annotations": {
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name,
        },
    }
    docker = {
        "Config": blob(digest(config)),
        "RepoTags": [name],
        "Layers": [blob(tar.diff_id) for tar in tars],
    }
    return {
        "oci-layout": encoded({"imageLayoutVersion": "1.0.0"}),
        "index.json": encoded(
            {"schemaVersion": 2, "manifests": [listed, *(one.listed for one in attached)]}
        ),
        "manifest.json": encoded([docker]),
        blob(digest(config)): config,
        blob(digest(manifest)): manifest,
        **{blob(digest(data)): data for one in attached for data in one.blobs},
    }


def referrer(one: Attachment, subject: dict[str, Any]) -> Referrer:
    """A manifest that refers to the image's (OCI 1.1, "guidelines for artifact usage")."""
    manifest = encoded(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": one.media_type,
            "config": descriptor(EMPTY, digest(EMPTY_DATA), len(EMPTY_DATA)),
            "layers": [descriptor(one.media_type, digest(one.data), len(one.data))],
            "subject": subject,
        }
    )
    entry = descriptor(MANIFEST, digest(manifest), len(manifest))
    return Referrer({**entry, "artifactType": one.media_type}, (EMPTY_DATA, one.data, manifest))


def descriptor(kind: str, name: str, size: int) -> dict[str, Any]:
    return {"mediaType": kind, "digest": name, "size": size}
