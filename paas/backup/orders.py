"""Orders: what a worker is told, as JSON. Pure."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from paas.settings import Settings, typed


def with_settings(order: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """An order with the instance's settings in it."""
    told = {one.name: plain(getattr(settings, one.name)) for one in fields(Settings)}
    return {**order, "settings": told}


def plain(value: object) -> object:
    """A setting as JSON has it."""
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, int | float) else str(value)


def settings_of(order: Mapping[str, Any]) -> Settings:
    """The settings of an order, in the worker."""
    return Settings(**{key: typed(key, value) for key, value in order["settings"].items()})
