"""The apt buildpack: Debian packages, of the image or of builds alone, beside any other pack.

Packages are installed where Debian has them, by its own dpkg, so that nothing has to be
told where they are: they are layers below everything else (lifecycle/debian.py).
"""

import os
from typing import Any

from lifecycle import debian

from apt import aptfile

LANGUAGE = "Apt"
LOOKS_FOR = f"{aptfile.FOR_APP} or {aptfile.FOR_BUILD}"
LAYERS: dict[str, Any] = {}
# where Heroku's pack puts what it installs: apps that name programs there find them
HEROKUS = ".apt"
LINKED = ("usr", "opt", "etc")


def detect(root: str) -> list[str]:
    return aptfile.seen(root)


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    """A layer of the image, and one that only the build has."""
    for_app = aptfile.read(root, aptfile.FOR_APP)
    for_build = aptfile.read(root, aptfile.FOR_BUILD)
    return [
        *debian.layer(for_app.packages, repositories=for_app.repositories),
        *debian.layer(
            for_build.packages,
            build_only=True,
            repositories=[*for_app.repositories, *for_build.repositories],
        ),
    ]


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """Nothing is left to do but to show the packages where Heroku has them."""
    folder = os.path.join(root, HEROKUS)
    if os.path.isfile(os.path.join(root, aptfile.FOR_APP)) and not os.path.lexists(folder):
        os.mkdir(folder)
        for name in LINKED:
            os.symlink(f"/{name}", os.path.join(folder, name))


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    return {"default_process_types": {}}


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    return {}
