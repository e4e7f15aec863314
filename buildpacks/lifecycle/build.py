"""Build: unpack, choose buildpacks, agree on layers, compile, tell the daemon.

The daemon mounts dependency layers below /app before this starts. When they are
not the ones the packs ask for, the plan is written and we exit with LAYERS_NEEDED;
the daemon makes them (see layer.py) and starts us again on top of them.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from lifecycle import debian, packs, results, say, slugignore
from lifecycle.packs import Pack, Place
from lifecycle.unpack import unpack

LAYERS_NEEDED = 10
MANIFEST_BYTES = 1 << 20


def build(
    place: Place,
    result_dir: str,
    named: list[str],
    have: list[Any],
    files: dict[str, str],
    *,
    again: bool,
) -> int:
    """The whole build; 0, or LAYERS_NEEDED. Raises Failure.

    named: the buildpacks set for the app. have: the layers mounted, as a plan's
    `layers`. files: small files of the app whose text is a result, by its name.
    again: the same push a second time, so that what has been said is not.
    """
    unpack_source(place, have)
    say.to(None if again else 1)
    leave_out(place)
    chosen, seen = packs.chosen(place, named)
    announce(seen)
    debian.known = have
    plan = [layer for pack in chosen for layer in pack.plan(place)]
    say.to(1)
    names = [pack.name for pack in chosen]
    results.write(result_dir, "plan", {"buildpacks": names, "layers": plan})
    if plan != have:
        return LAYERS_NEEDED
    environment = compiled(place, chosen)
    released = chosen[-1].release(place)
    results.write(
        result_dir,
        "build",
        {
            "buildpacks": names,
            "processes": released.get("default_process_types") or {},
            "environment": environment,
            **{name: manifest(place, path) for name, path in files.items()},
        },
    )
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


def announce(seen: list[tuple[str, list[str]]]) -> None:
    for language, files in seen:
        say.step(f"{language} app detected")
        if files:
            say.detail(f"by {', '.join(files)}")


def compiled(place: Place, chosen: list[Pack]) -> dict[str, str]:
    """Run every pack; the variables they set for the app's processes."""
    before = dict(os.environ)
    before.pop("GIT_DIR", None)
    environment = dict(before)
    for_app: dict[str, str] = {"PATH": environment.get("PATH", "")}
    for pack in chosen:
        environment = pack.compile(place, environment)
        if isinstance(pack, packs.OwnPack):
            for_app = packs.merged(for_app, pack.environment(place))
    return for_app


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
