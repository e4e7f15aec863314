"""Obtaining: an image that somebody else made, as an app's new image.

Its Procfile, app.json and CHECKS count as a commit's would, where they lie in its working
directory or in /app.
"""

import json
from dataclasses import replace

from paas.console import Console
from paas.deploy.source import with_checks
from paas.errors import PaasError
from paas.image import lookup
from paas.model import app_json, procfile
from paas.model.app_json import AppManifest
from paas.model.image import ImageConfig
from paas.model.release import Image
from paas.platform import Platform


def for_app(platform: Platform, image: Image, console: Console) -> tuple[Image, AppManifest]:
    """The image with the processes it declares, and what its app.json says."""
    config = image.config
    if config is None:  # an app's own or another's, as buildpacks made it
        return image, app_json.parse(json.dumps(image.manifest))
    text = read(platform, image, "Procfile")
    declared = procfile.parse(text) if text else {}
    manifest = app_json.parse(
        with_checks(
            read(platform, image, "app.json") or "{}", read(platform, image, "CHECKS") or ""
        )
    )
    refuse_idle(image, config, declared)
    tell_volumes(config, console)
    processes = declared or image.processes
    return replace(image, processes=processes, manifest=manifest.document), manifest


def read(platform: Platform, image: Image, name: str) -> str | None:
    """A file that says something about the app; None when the image has none."""
    directory = image.config.directory if image.config else "/app"
    for folder in dict.fromkeys((directory, "/app")):
        path = "/".join(part for part in (*folder.split("/"), name) if part)
        text = lookup.read(platform.layers, image.layers, path)
        if text is not None:
            return text
    return None


def refuse_idle(image: Image, config: ImageConfig, declared: dict[str, str]) -> None:
    """PaasError when the image has nothing to run, or is not made to be run."""
    if config.on_build:
        raise PaasError(
            "the image has ONBUILD steps: it is made to be built upon",
            "push a Dockerfile that begins with FROM and its name",
        )
    if not config.entrypoint and not any((declared or image.processes).values()):
        raise PaasError(
            "the image has nothing to run: neither ENTRYPOINT nor CMD, and no Procfile",
            "give the Dockerfile a CMD, or put a Procfile into the image's working directory",
        )


def tell_volumes(config: ImageConfig, console: Console) -> None:
    """Volumes that nobody mounted anything at end with their containers."""
    if config.volumes:
        console.warn(
            f"the image declares volumes ({', '.join(config.volumes)}): "
            "what is written there goes with its container"
        )
