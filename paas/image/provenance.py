"""How an image came to be, as an in-toto statement with SLSA's provenance. Pure.

Source: in-toto.io/Statement/v1, slsa.dev/spec/v1.0/provenance. No value of any variable is
in it, only names.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from paas.model import moments
from paas.model.build import Build
from paas.model.image import Origin
from paas.model.release import Image, Release

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
MEDIA_TYPE = "application/vnd.in-toto+json"
BUILD_TYPE = "urn:paas:build:{builder}:v1"
BUILDER = "urn:paas:instance:{host}"


def statement(
    app: str, release: Release, build: Build | None, host: str, digests: dict[str, str]
) -> dict[str, Any]:
    """The statement of a release's image. digests: further ones that it is known by, as exported.

    The subject's own digest is of the image's description: its layers' keys, processes,
    environment and commit (described).
    """
    image, origin = release.image, release.image.origin or Origin()
    subject = {"name": f"{app}:{release.name}", "digest": {**digests, "paasImage": digest(image)}}
    return {
        "_type": STATEMENT,
        "subject": [subject],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE.format(builder=origin.builder or "unknown"),
                "externalParameters": external(app, image, origin),
                "internalParameters": internal(image, origin),
                "resolvedDependencies": list(dependencies(app, image, origin)),
            },
            "runDetails": {
                "builder": {
                    "id": BUILDER.format(host=host),
                    **({"version": {"paas": origin.program}} if origin.program else {}),
                },
                "metadata": metadata(release, build),
                "byproducts": [
                    {"name": "log", "annotations": {"command": f"builds:output {app} {build.id}"}}
                ]
                if build
                else [],
            },
        },
    }


def external(app: str, image: Image, origin: Origin) -> dict[str, Any]:
    """What whoever asked for the build decided."""
    found = {
        "repository": repository(app),
        "commit": image.commit,
        "directory": origin.root,
        "builder": origin.builder,
        "buildpacks": [name for name, _ in origin.packs] or list(image.buildpacks),
        "variables": list(origin.variables),
        "source": image.config.source if image.config else "",
    }
    return {key: value for key, value in found.items() if value}


def internal(image: Image, origin: Origin) -> dict[str, Any]:
    """What the platform decided."""
    return {
        "stack": origin.stack,
        "layers": [
            {"key": layer.id, "bytes": layer.bytes, "made by": made_by(image, layer.id)}
            for layer in image.layers
        ],
    }


def made_by(image: Image, layer_id: str) -> str:
    return next((step.words for step in image.steps if step.layer == layer_id), "")


def dependencies(app: str, image: Image, origin: Origin) -> Iterator[dict[str, Any]]:
    """Everything that went in: the commit, buildpacks, Debian's packages, images, the stack."""
    if image.commit:
        yield {"uri": f"git+{repository(app)}", "digest": {"gitCommit": image.commit}}
    for name, revision in origin.packs:
        if revision:
            kind = "gitCommit" if len(revision) == 40 else "sha256"
            yield {"uri": f"urn:paas:buildpack:{name}", "digest": {kind: revision}}
    for own in origin.packages:
        yield {
            "uri": f"urn:paas:layer:{own.layer}",
            "digest": {"paasLayer": own.layer.rpartition("-")[2]},
            "annotations": {"packages": list(own.files)},
        }
    for name, found in origin.bases:
        yield {"uri": f"urn:paas:image:{name}", "digest": {"paasImage": found}}
    if origin.stack_digest:
        yield {
            "uri": f"urn:paas:stack:{origin.stack}",
            "digest": {"paasStack": origin.stack_digest},
            **({"annotations": {"snapshot": origin.snapshot}} if origin.snapshot else {}),
        }


def repository(app: str) -> str:
    return f"urn:paas:repository:{app}"


def metadata(release: Release, build: Build | None) -> dict[str, str]:
    """When, by whose hand, and in which build."""
    if build is None:
        return {"startedOn": moments.iso(release.created_at)}
    finished = {"finishedOn": moments.iso(build.finished_at)} if build.finished_at else {}
    return {"invocationId": build.id, "startedOn": moments.iso(build.started_at), **finished}


def digest(image: Image) -> str:
    """A hash of the image's description."""
    parts = {
        "layers": [layer.id for layer in image.layers],
        "processes": image.processes,
        "environment": image.environment,
        "config": asdict(image.config) if image.config else None,
        "commit": image.commit,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
