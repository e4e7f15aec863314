"""The Procfile buildpack: no language, no dependencies, just commands to run."""

import os
from typing import Any

LANGUAGE = "Procfile"
LOOKS_FOR = "Procfile"
LAYERS: dict[str, Any] = {}


def detect(root: str) -> list[str]:
    return ["Procfile"] if os.path.isfile(os.path.join(root, "Procfile")) else []


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    return []


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """Nothing: the files are the app."""


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    return {"default_process_types": {}}


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    return {}
