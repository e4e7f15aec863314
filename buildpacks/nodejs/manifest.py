"""package.json: what an app, or one package of a workspace, says of itself."""

import glob
import json
import os
import re
from typing import Any

from lifecycle import config
from lifecycle.say import Failure

# scripts of the app itself that installers would run; compile runs them, with all files there
INSTALL_SCRIPTS = ("preinstall", "install", "postinstall", "prepare")
DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies")


class Package:
    """A package.json, its shape checked where we read it; folder is "" for the app's own."""

    def __init__(self, root: str, folder: str = "") -> None:
        self.root = root
        self.folder = folder
        self.path = os.path.join(folder, "package.json")
        try:
            with open(os.path.join(root, self.path), encoding="utf-8-sig") as file:
                self.document = json.load(file)
        except ValueError as error:
            raise Failure(
                f"{self.path} is not valid JSON: {error}", "correct it and push again"
            ) from error
        if not isinstance(self.document, dict):
            raise Failure(f"{self.path} is not a JSON object", "it must begin with {")

    def table(self, key: str) -> dict[str, str]:
        """An object of strings; anything else in it is left out."""
        value = self.document.get(key)
        pairs = value.items() if isinstance(value, dict) else ()
        return {name: text for name, text in pairs if isinstance(text, str)}

    def text(self, key: str) -> str:
        value = self.document.get(key)
        return value if isinstance(value, str) else ""

    @property
    def name(self) -> str:
        return self.text("name") or self.folder

    @property
    def scripts(self) -> dict[str, str]:
        return self.table("scripts")

    @property
    def build_script(self) -> str:
        """The name of the script that builds it, "" when there is none."""
        return next((name for name in ("heroku-postbuild", "build") if name in self.scripts), "")

    @property
    def dev_dependencies(self) -> dict[str, str]:
        return self.table("devDependencies")

    @property
    def all_dependencies(self) -> dict[str, str]:
        return {name: text for key in DEPENDENCIES for name, text in self.table(key).items()}

    @property
    def workspaces(self) -> list[str]:
        """Folders of the workspaces; a pattern with ! in front takes some away."""
        value = self.document.get("workspaces")
        if isinstance(value, dict):
            value = value.get("packages")
        patterns = [text for text in value if isinstance(text, str)] if value else []
        patterns += pnpm_workspaces(self.root)
        found = set[str]()
        for pattern in patterns:
            if pattern.startswith("!"):
                found -= folders(self.root, pattern[1:])
            else:
                found |= folders(self.root, pattern)
        return sorted(found)

    def exists(self, name: str) -> bool:
        """Whether a file lies beside this package.json."""
        return exists(os.path.join(self.root, self.folder), name)

    def read(self, name: str) -> str:
        """The text of a file beside this package.json, "" when there is none."""
        return read(os.path.join(self.root, self.folder), name)


def folders(root: str, pattern: str) -> set[str]:
    """The folders of a workspace pattern that hold a package."""
    found = set()
    for path in glob.glob(f"{pattern.rstrip('/')}/package.json", root_dir=root, recursive=True):
        folder = os.path.normpath(os.path.dirname(path))
        if "node_modules" not in folder and not folder.startswith(("..", "/")) and folder != ".":
            found.add(folder)
    return found


def exists(root: str, name: str) -> bool:
    return os.path.isfile(os.path.join(root, name))


def read(root: str, name: str) -> str:
    """The first 4 MiB of a file, "" when there is none."""
    try:
        with open(os.path.join(root, name), encoding="utf-8-sig", errors="replace") as file:
            return file.read(4 << 20)
    except (FileNotFoundError, IsADirectoryError):
        return ""


def pnpm_workspaces(root: str) -> list[str]:
    """The list under `packages:` in pnpm-workspace.yaml; enough YAML for what pnpm writes."""
    text = read(root, "pnpm-workspace.yaml")
    block = re.search(r"^packages:\s*\n((?:[ \t]*-.*\n?|[ \t]*#.*\n?|\s*\n)*)", text, re.MULTILINE)
    items = re.findall(r"^[ \t]*-\s*[\"']?([^\"'\n#]+)", block[1] if block else "", re.MULTILINE)
    return [item.strip() for item in items]


def variables(root: str, files: list[str]) -> list[str]:
    """Names of the variables that installers' settings refer to."""
    named = [name for name in files if name.startswith((".npmrc", ".yarnrc", "bunfig"))]
    return config.references(root, named)


def without_install_scripts(document: dict[str, Any]) -> dict[str, Any]:
    """package.json as the dependency layer sees it: the app's own scripts need the app."""
    scripts = document.get("scripts")
    if not isinstance(scripts, dict):
        return document
    kept = {name: text for name, text in scripts.items() if name not in INSTALL_SCRIPTS}
    return {**document, "scripts": kept}
