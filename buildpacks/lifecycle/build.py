"""Build: unpack, choose buildpacks, agree on layers, compile, tell the daemon.

The daemon mounts dependency layers below /app before this starts. When they are
not the ones the packs ask for, the plan is written and we exit with LAYERS_NEEDED;
the daemon makes them (see layer.py) and starts us again on top of them.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

from lifecycle import debian, misspelt, order, results, say, slugignore
from lifecycle.packs import Place
from lifecycle.unpack import unpack

LAYERS_NEEDED = 10
MANIFEST_BYTES = 1 << 20
APP_DIR = "/app"


def build(
    place: Place,
    result_dir: str,
    named: list[dict[str, Any]],
    have: list[Any],
    files: dict[str, str],
    *,
    again: bool,
) -> int:
    """The whole build; 0, or LAYERS_NEEDED. Raises Failure.

    named: the buildpacks asked for, none: those that fit. have: the layers mounted, as a plan's
    `layers`. files: small files of the app whose text is a result, by its name.
    again: the same push a second time, so that what has been said is not.
    """
    unpack_source(place, have)
    say.to(None if again else 1)
    leave_out(place)
    chosen = order.steps(place, named)
    debian.known = have
    plan = planned(place, chosen)
    say.to(1)
    names = [step.pack.name for step in chosen]
    results.write(result_dir, "plan", {"buildpacks": names, "layers": plan})
    if plan != have:
        return LAYERS_NEEDED
    made = order.compiled(place, chosen)
    released = chosen[-1].pack.release(place)
    texts = {name: manifest(place, path) for name, path in files.items()}
    into_app(place)
    results.write(
        result_dir,
        "build",
        {
            "buildpacks": names,
            "processes": released.get("default_process_types") or {},
            "environment": {**made.environment, **strings(released.get("config_vars"))},
            "reports": made.reports,
            **texts,
        },
    )
    return 0


def detect(place: Place, result_dir: str, named: list[dict[str, Any]]) -> int:
    """Only say which packs would build the app."""
    unpack_source(place, [])
    chosen = order.steps(place, named)
    names = [step.pack.name for step in chosen]
    results.write(result_dir, "plan", {"buildpacks": names, "layers": []})
    return 0


def unpack_source(place: Place, have: list[Any]) -> None:
    """The commit into the build directory, without what the layers below provide."""
    provided = {path for layer in have for path in layer.get("provides", ())}
    ignored: set[str] = set()
    unpack(sys.stdin.buffer, place.build_dir, wanted=not_provided(provided, ignored))
    for path in sorted(ignored):
        say.warning(f"{path} is in the repository, but is made anew by the build: left out")
        say.warning(f"remove it with: git rm -r --cached {path}, and name it in .gitignore")


def leave_out(place: Place) -> None:
    """What .slugignore names."""
    if removed := slugignore.apply(place.build_dir):
        say.detail(f".slugignore left out {removed} files and folders")


def not_provided(provided: set[str], ignored: set[str]) -> Callable[[str], bool]:
    """Whether to unpack a path; what is left out is noted in ignored."""

    def wanted(path: str) -> bool:
        for prefix in provided:
            if path == prefix or path.startswith(f"{prefix}/"):
                ignored.add(prefix)
                return False
        return True

    return wanted


def planned(place: Place, chosen: list[order.Step]) -> list[Any]:
    """The layers the packs ask for, what those whose turn is certain saw being told first."""
    misspelt.warn(place.build_dir)
    for step in chosen:
        if step.certain:
            order.announce(step)
    return over_packages([layer for step in chosen for layer in step.plan(place)])


def over_packages(plan: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The plan, each of the app's layers saying which Debian packages lie below it."""
    below: list[Any] = []
    found = []
    for layer in plan:
        if layer.get("system"):
            below.append([layer["system"], layer["packages"]])
        elif below and not layer.get("shared"):
            layer = {**layer, "over": digest(below)}  # noqa: PLW2901 - the same, and one word more
        found.append(layer)
    return found


def digest(value: object) -> str:
    import hashlib  # noqa: PLC0415 - few apps have packages

    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def into_app(place: Place) -> None:
    """Where the app was built elsewhere, it takes the place of what packs left in /app."""
    if place.build_dir == APP_DIR:
        return
    for item in os.scandir(APP_DIR):
        if item.is_dir(follow_symlinks=False):
            shutil.rmtree(item.path)
        else:
            os.unlink(item.path)
    for name in os.listdir(place.build_dir):
        os.rename(os.path.join(place.build_dir, name), os.path.join(APP_DIR, name))
    os.rmdir(place.build_dir)


def strings(value: object) -> dict[str, str]:
    """The plain values of what a pack's release gives by name."""
    pairs = value.items() if isinstance(value, dict) else ()
    return {str(key): str(text) for key, text in pairs if isinstance(text, str | int | float)}


def manifest(place: Place, name: str) -> str | None:
    """The text of a small file of the app, None when there is none."""
    path = os.path.join(place.build_dir, name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, errors="replace") as file:
        return file.read(MANIFEST_BYTES)


def parsed_layers(text: str) -> list[Any]:
    """The --have argument."""
    value = json.loads(text)
    return value if isinstance(value, list) else []
