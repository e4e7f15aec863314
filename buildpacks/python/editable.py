"""What installing the project itself has written, kept for pushes that would write the same.

An editable install of plain Python writes a few small files that name the source's
folder; which ones follows from pyproject.toml and the names of the modules. Where
that is so, they are kept in the app's cache and put back, instead of building anew.
"""

import hashlib
import os
import re
import shutil

from python import bytecode, manifests

# backends whose editable installs only point at the source
PLAIN = re.compile(
    r"^\s*build-backend\s*=\s*[\"'](?:hatchling\.build|poetry\.core\.masonry\.api|uv_build"
    r"|flit_core\.buildapi|setuptools\.build_meta|pdm\.backend)[\"']",
    re.MULTILINE,
)
# what makes the result depend on more than names
MORE = re.compile(
    r"^\s*dynamic\s*=|hooks|ext-modules|\[tool\.poetry\.build\]|^\s*build\s*=|cython|mypyc"
    r"|backend-path|workspace|^\s*path\s*=",
    re.MULTILINE,
)
OTHER_FILES = ("setup.py", "setup.cfg", "MANIFEST.in", "Cargo.toml", "meson.build")


def key(root: str, python: str) -> str:
    """A hash of what an editable install depends on; "" where it depends on more."""
    text = manifests.read(root, "pyproject.toml")
    if not PLAIN.search(text) or MORE.search(text):
        return ""
    if any(manifests.exists(root, name) for name in OTHER_FILES):
        return ""
    digest = hashlib.sha256(f"1\0{python}\0{text}".encode())
    for path in bytecode.modules(root):
        digest.update(os.path.relpath(path, root).encode(errors="surrogateescape") + b"\0")
    return digest.hexdigest()[:32]


def restore(kept: str, venv: str) -> bool:
    """Put back what an earlier install wrote; False where there is nothing."""
    if not os.path.isdir(kept):
        return False
    shutil.copytree(kept, venv, symlinks=True, dirs_exist_ok=True)
    return True


def keep(kept: str, venv: str) -> None:
    """Copy what the install of the project in this environment has written."""
    folder = site_packages(venv)
    for name in os.listdir(folder):
        link = os.path.join(folder, name, "direct_url.json")
        if name.endswith(".dist-info") and os.path.isfile(link):
            with open(link) as file:
                ours = '"editable"' in file.read()
            if ours:
                copy_recorded(os.path.join(folder, name, "RECORD"), folder, kept, venv)


def site_packages(venv: str) -> str:
    (version,) = os.listdir(os.path.join(venv, "lib"))
    return os.path.join(venv, "lib", version, "site-packages")


def copy_recorded(record: str, folder: str, kept: str, venv: str) -> None:
    """The files of a RECORD, each at its path below the environment; whole or not at all."""
    draft = f"{kept}.new"
    shutil.rmtree(os.path.dirname(kept), ignore_errors=True)  # what earlier sources were
    with open(record) as file:
        names = [line.rsplit(",", 2)[0].strip('"') for line in file if line.strip()]
    for name in names:
        path = os.path.normpath(os.path.join(folder, name))
        target = os.path.join(draft, os.path.relpath(path, venv))
        if not path.startswith(f"{venv}/") or not os.path.isfile(path):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(path, target)
    if os.path.isdir(draft):
        os.replace(draft, kept)
