"""How images are shown: a row of the list, and everything about one."""

from collections.abc import Mapping
from typing import Any

from paas.console import Console
from paas.deploy.images import history
from paas.deploy.images.catalogue import Named, Sizes
from paas.errors import PaasError
from paas.image import contents, tars
from paas.model import moments
from paas.model.image import ImageConfig
from paas.model.limits import show_bytes
from paas.model.release import Image, Layer
from paas.platform import Platform

LONGEST = 78


def row(named: Named, sizes: Sizes, serving: Mapping[int, int]) -> dict[str, Any]:
    """One image for programs; serving: the number of the release that serves, by app."""
    size = sizes.of(named)
    version = named.release.version if named.release else None
    return {
        "name": named.name,
        "app": named.app.name if named.app else None,
        "release": named.release.name if named.release else None,
        "current": version is not None
        and named.app is not None
        and serving.get(named.app.id) == version,
        "id": named.image.id,
        "size_bytes": size.bytes,
        "own_bytes": size.own_bytes,
        "shared_bytes": size.bytes - size.own_bytes,
        "layers": len(named.image.layers),
        "created_at": moments.iso(named.created_at) if named.created_at else "",
        "source": source(named.image),
    }


def cells(values: dict[str, Any]) -> tuple[str, ...]:
    """The same for people."""
    return (
        values["name"] + (" *" if values["current"] else ""),
        show_bytes(values["size_bytes"]),
        show_bytes(values["own_bytes"]),
        str(values["layers"]),
        values["created_at"].replace("T", " ").removesuffix("Z"),
        values["source"][:LONGEST],
    )


def source(image: Image) -> str:
    """Where an image came from, in words."""
    if image.config and image.config.source:
        return image.config.source
    packs = ", ".join(image.buildpacks)
    commit = f"commit {image.commit[:8]}" if image.commit else ""
    return " by ".join(filter(None, (commit, packs)))


# -- one image -------------------------------------------------------------------------------


def details(platform: Platform, named: Named) -> dict[str, Any]:
    """All that is known of an image; its variables with their values: they are no config."""
    image, config = named.image, named.image.config or ImageConfig()
    return {
        **row(named, Sizes(platform), platform.store.releases.versions()),
        "processes": dict(image.processes),
        "entrypoint": list(config.entrypoint),
        "command": list(config.command),
        "user": config.user_name,
        "uid": config.user.uid if image.config else None,
        "directory": config.directory if image.config else "/app",
        "ports": list(config.ports),
        "volumes": list(config.volumes),
        "labels": dict(config.labels),
        "environment": dict(image.environment),
        "healthcheck": list(config.health.command) if config.health else [],
        "buildpacks": list(image.buildpacks),
        "commit": image.commit,
        "steps": [described(platform, image, step) for step in history.steps(image)],
    }


def described(platform: Platform, image: Image, step: Any) -> dict[str, Any]:
    """One step and what it added."""
    layer = next((one for one in image.layers if one.id == step.layer), None)
    return {
        "step": step.words,
        "layer": step.layer or None,
        **(added(platform, layer) if layer else {}),
    }


def added(platform: Platform, layer: Layer) -> dict[str, Any]:
    """What a layer holds; nothing is known of one that is gone."""
    try:
        found = contents.look(platform.layers.path(platform.layers.stored(layer)))
    except (PaasError, OSError):
        return {"missing": True}
    packed = tars.known(platform.layers, layer)
    return {
        "bytes": found.bytes,
        "files": found.files,
        "removed": found.removed,
        "largest": [{"path": path, "bytes": size} for path, size in found.largest],
        "diff_id": packed.diff_id if packed else None,
    }


def show(console: Console, values: dict[str, Any]) -> None:
    """For people: how it is run, then what each step added."""
    console.heading(f"{values['name']} (image {values['id'][:12]})")
    for key in ("source", "user", "directory", "entrypoint", "command"):
        if values[key]:
            line(console, key, values[key])
    for kind, text in values["processes"].items():
        line(console, f"process {kind}", text)
    for key in ("ports", "volumes", "healthcheck", "buildpacks"):
        if values[key]:
            line(console, key, values[key])
    for key in ("environment", "labels"):
        for name, text in values[key].items():
            line(console, f"{key} {name}", text)
    line(console, "size", show_bytes(values["size_bytes"]))
    line(console, "own size", show_bytes(values["own_bytes"]))
    console.step("Steps, the first one first")
    for step in values["steps"]:
        show_step(console, step)


def line(console: Console, key: str, value: Any) -> None:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    console.item(f"{(key[:1].upper() + key[1:] + ':').ljust(24)} {text}")


def show_step(console: Console, step: dict[str, Any]) -> None:
    words = step["step"] or "(unknown)"
    if step["layer"] is None:
        console.item(f"{'-':>10}  {words}")
        return
    if step.get("missing"):
        console.item(f"{'gone':>10}  {words}")
        return
    removed = f", hides {step['removed']}" if step["removed"] else ""
    console.item(f"{show_bytes(step['bytes']):>10}  {words}")
    largest = ", ".join(f"{one['path']} {show_bytes(one['bytes'])}" for one in step["largest"][:3])
    console.item(f"{'':>10}  {step['files']} files{removed}: {largest}" if largest else
                   f"{'':>10}  {step['files']} files{removed}")  # fmt: skip
