"""The Python buildpack: detect, plan, compile, release, and its two layers.

Dependencies live in a virtual environment at /app/.venv, a layer of its own; the
stack's Python runs it, another version comes as a layer below. Compile does only
what needs the app's own code: byte code, an installable project, Django's static
files.
"""

import os
from typing import Any

from python import bytecode, django, install, manifests, processes, servers, version

LANGUAGE = "Python"
LOOKS_FOR = (
    "requirements.txt, pyproject.toml, uv.lock, poetry.lock, pdm.lock, pylock.toml, Pipfile, "
    "setup.py or manage.py"
)
VENV = ".venv"
LAYERS = {"runtime": install.runtime, "dependencies": install.dependencies}


def detect(root: str) -> list[str]:
    """The files that make this a Python app; none when it is not one."""
    return manifests.seen(root)


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    """A runtime layer when the stack's Python is not the one asked for, and the dependencies."""
    wanted = version.wanted(root)
    layers: list[dict[str, Any]] = []
    if not wanted.in_stack:
        runtime = {"name": "runtime", "pack": "python", "runtime": wanted.text, "files": []}
        shared = not any(name in config for name in install.MIRRORS)
        layers.append({**runtime, "provides": [version.FOLDER], "shared": shared})
    source = manifests.chosen(root)
    if source.kind != manifests.NOTHING or not wanted.in_stack:
        layers.append(
            {
                "name": "dependencies",
                "pack": "python",
                "runtime": wanted.text,
                "files": source.files,
                "provides": [VENV],
                "shared": False,
                "grows": True,
                "variables": source.variables,
            }
        )
    return layers


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """What needs the app's own code."""
    version.say_which(root)
    install.project(root, cache, config, environment)
    django.collect_static(root, config, environment)
    bytecode.compile_tree(root, version.interpreter(root), environment)


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    """The default processes."""
    return {"default_process_types": processes.default(root, servers.Installed(root))}


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    """The variables every Python app gets, as on Heroku, and the packs after this one."""
    variables = {
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "random",
        # only our proxy reaches the app, so what it says of the client is true
        "FORWARDED_ALLOW_IPS": "*",
        "GUNICORN_CMD_ARGS": "--access-logfile -",
    }
    if has_venv(root):
        variables["PATH"] = f"/app/{VENV}/bin:$PATH"
    if "gunicorn" in servers.Installed(root):
        variables["WEB_CONCURRENCY"] = "2"
    return variables


def has_venv(root: str) -> bool:
    return os.path.isdir(os.path.join(root, VENV))
