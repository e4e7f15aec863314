"""Images as JSON, in whichever table keeps one."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import JSON, Dialect, TypeDecorator

from paas.model.image import Health, ImageConfig, Origin, Packages, Step, User
from paas.model.release import Image, Layer

LISTS = ("entrypoint", "command", "ports", "volumes", "run_by", "on_build")


class ImageColumn(TypeDecorator[Image]):
    """An image as JSON."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Image | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return value and asdict(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Image | None:  # noqa: ARG002
        return None if value is None else image(value)


def image(value: dict[str, Any]) -> Image:
    """The image in parsed JSON, written by this version or an earlier one."""
    found = {
        **value,
        "layers": tuple(Layer(**layer) for layer in value["layers"]),
        "buildpacks": tuple(value["buildpacks"]),
        "config": config(value.get("config")),
        "steps": tuple(Step(**step) for step in value.get("steps", ())),
        "origin": origin(value.get("origin")),
    }
    return Image(**found)


def origin(value: dict[str, Any] | None) -> Origin | None:
    """How an image was built; None where that was not noted."""
    if value is None:
        return None
    pairs = {key: tuple(map(tuple, value.get(key, ()))) for key in ("packs", "bases")}
    own = tuple(packages(one) for one in value.get("packages", ()))
    return Origin(**{**value, **pairs, "variables": tuple(value["variables"]), "packages": own})


def packages(value: dict[str, Any]) -> Packages:
    """Debian packages of an image."""
    lists = {key: tuple(value[key]) for key in ("wanted", "repositories", "files")}
    return Packages(value["layer"], **lists)


def config(value: dict[str, Any] | None) -> ImageConfig | None:
    """How a foreign image is run; None for those that buildpacks made."""
    if value is None:
        return None
    health = value["health"]
    tuples = {key: tuple(value.get(key, ())) for key in LISTS}
    user = {**value["user"], "groups": tuple(value["user"]["groups"])}
    return ImageConfig(
        **{
            **value,
            **tuples,
            "user": User(**user),
            "health": Health(**{**health, "command": tuple(health["command"])}) if health else None,
        }
    )
