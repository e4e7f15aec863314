"""composer.json and composer.lock, and the folder whose pages are served."""

import json
import os
from typing import Any

from lifecycle import say
from lifecycle.say import Failure

VENDOR = "vendor"
LAYER = f"{VENDOR}/.layer"  # in a vendor/ that we made, and not the repository
# where frameworks have their first page; the repository itself comes last
FOLDERS = ("public", "web", "webroot", "htdocs", "public_html", "www", "")
LOCAL_KINDS = {"path", "artifact"}


def seen(root: str) -> list[str]:
    """The files by which it is a PHP app."""
    found = [name for name in ("composer.json", "composer.lock") if exists(root, name)]
    if found[:1] == ["composer.json"]:
        return found
    pages = (os.path.join(folder, "index.php") for folder in FOLDERS)
    return [page for page in pages if exists(root, page)][:1]


def exists(root: str, name: str) -> bool:
    return os.path.isfile(os.path.join(root, name))


def read(root: str, name: str) -> dict[str, Any]:
    """A JSON object of a file, {} when there is none; Failure when it is not one."""
    if not exists(root, name):
        return {}
    try:
        with open(os.path.join(root, name), encoding="utf-8-sig") as file:
            document = json.load(file)
    except (ValueError, UnicodeDecodeError) as error:
        raise Failure(f"{name} is not valid JSON: {error}", "correct it and push again") from error
    if not isinstance(document, dict):
        raise Failure(f"{name} is not a JSON object", "it must begin with {")
    return document


def table(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def uses_composer(root: str) -> bool:
    return exists(root, "composer.json")


def required(root: str) -> dict[str, Any]:
    return table(read(root, "composer.json"), "require")


def packages(root: str) -> list[str]:
    """What composer.json requires beside PHP and its extensions."""
    return [name for name in required(root) if "/" in name]


def key_files(root: str) -> list[str]:
    """The files that decide what vendor/ has; none when there is nothing to install.

    A committed vendor/ is used as it is, and packages from the repository's own folders
    make every file one of them.
    """
    if committed(root):
        say.detail("vendor/ is in the repository and is used as it is")
        return []
    if not packages(root):
        return []
    if not exists(root, "composer.lock"):
        raise Failure(
            "composer.json names packages, but there is no composer.lock",
            "run composer update, take composer.lock out of .gitignore, and commit it",
        )
    repositories = read(root, "composer.json").get("repositories") or []
    listed = repositories.values() if isinstance(repositories, dict) else repositories
    kinds = {item.get("type") for item in listed if isinstance(item, dict)}
    if LOCAL_KINDS & kinds:
        say.detail("packages come from this repository too: looked at anew on every push")
        return ["."]
    return ["composer.json", "composer.lock", *(["auth.json"] if exists(root, "auth.json") else [])]


def committed(root: str) -> bool:
    """Whether vendor/ is in the repository."""
    return os.path.isdir(os.path.join(root, VENDOR)) and not exists(root, LAYER)


def document_root(root: str) -> str:
    """The folder that is served, relative to the repository."""
    for folder in FOLDERS:
        names = ("index.php", "app.php") if folder == "web" else ("index.php",)
        if any(exists(root, os.path.join(folder, name)) for name in names):
            return folder
    return next((name for name in FOLDERS if name and os.path.isdir(os.path.join(root, name))), "")
