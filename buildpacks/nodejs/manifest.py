"""package.json and its lock file: what they ask for and which files that depends on."""

import glob
import json
import os
import re
from typing import Any

from lifecycle import config, say
from lifecycle.say import Failure

LOCKS = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
}
# scripts of the app itself that installers would run; compile runs them, with all files there
INSTALL_SCRIPTS = ("preinstall", "install", "postinstall", "prepare")
SETTINGS = (
    ".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "pnpm-workspace.yaml", ".pnp.cjs",
)  # fmt: skip
FOLDERS = (".yarn/releases/*", ".yarn/plugins/**/*", ".yarn/patches/*", "patches/*")
DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies")
LOCAL = re.compile(r"(file|link|portal):|\.{1,2}/")
VERSION = re.compile(r"v?(\d+(?:\.\d+){0,2})")
RANGE = re.compile(r"[0-9A-Za-z.*<>=^~| \-+]{1,100}")
PNPM_BY_FORMAT = {"5": "7", "6": "8", "9": "10"}


class Package:
    """A package.json, its shape checked where we read it."""

    def __init__(self, root: str, folder: str = "") -> None:
        self.root = root
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

    @property
    def scripts(self) -> dict[str, str]:
        return self.table("scripts")

    @property
    def dev_dependencies(self) -> dict[str, str]:
        return self.table("devDependencies")

    @property
    def all_dependencies(self) -> dict[str, str]:
        return {name: text for key in DEPENDENCIES for name, text in self.table(key).items()}

    @property
    def workspaces(self) -> list[str]:
        """Folders of the workspaces."""
        value = self.document.get("workspaces")
        if isinstance(value, dict):
            value = value.get("packages")
        patterns = [text for text in value if isinstance(text, str)] if value else []
        patterns += pnpm_workspaces(self.root)
        found = set()
        for pattern in patterns:
            for path in glob.glob(f"{pattern}/package.json", root_dir=self.root, recursive=True):
                folder = os.path.normpath(os.path.dirname(path))
                if "node_modules" not in folder and not folder.startswith(("..", "/")):
                    found.add(folder)
        return sorted(found)


class Installer:
    """npm, yarn or pnpm: its lock file, and the version to install ("" where it comes along)."""

    def __init__(self, name: str, lock: str, version: str) -> None:
        self.name = name
        self.lock = lock
        self.version = version


def exists(root: str, name: str) -> bool:
    return os.path.isfile(os.path.join(root, name))


def installer(package: Package) -> Installer | None:
    """The one that made the lock file; None when there is nothing to install. Or Failure."""
    locks = [name for name in LOCKS if exists(package.root, name)]
    names = {LOCKS[name] for name in locks}
    if len(names) > 1:
        raise Failure(
            f"there are lock files of {len(names)} installers: {', '.join(locks)}",
            "keep the one you use, and remove the other with git rm",
        )
    if not locks:
        if not package.all_dependencies and not package.workspaces:
            return None
        raise Failure(
            "package.json names dependencies, but there is no lock file",
            "run npm install (or yarn, or pnpm install), and commit the lock file it writes",
        )
    name, lock = names.pop(), locks[0]
    return Installer(name, lock, installer_version(package, name, lock))


def installer_version(package: Package, name: str, lock: str) -> str:
    """From packageManager, then engines, then the lock file's format."""
    declared = package.document.get("packageManager")
    if isinstance(declared, str) and declared.startswith(f"{name}@"):
        return declared.partition("@")[2].partition("+")[0]
    wanted = package.table("engines").get(name, "")
    if wanted and wanted != "*":
        return checked_range(wanted, f"engines.{name}")
    if name == "npm":
        return ""
    with open(os.path.join(package.root, lock), errors="replace") as file:
        head = file.read(4096)
    if name == "yarn":
        return "4" if "__metadata:" in head else "1"
    match = re.search(r"lockfileVersion:\s*'?(\d+)", head)
    return PNPM_BY_FORMAT.get(match[1] if match else "", "10")


def runtime(package: Package, chosen: Installer | None) -> str:
    """`node@RANGE`, and the installer where it is not the npm that comes along."""
    parts = [f"node@{node_range(package)}"]
    if chosen is not None and chosen.version:
        parts.append(f"{chosen.name}@{chosen.version}")
    return " ".join(parts)


def node_range(package: Package) -> str:
    """engines.node, then .node-version and .nvmrc; `*` when none says."""
    wanted = package.table("engines").get("node", "")
    if wanted:
        return checked_range(wanted, "engines.node")
    for name in (".node-version", ".nvmrc"):
        if exists(package.root, name):
            with open(os.path.join(package.root, name), errors="replace") as file:
                text = file.read(100).strip()
            if match := VERSION.fullmatch(text):
                return match[1]
            say.detail(f"{name} says {text[:40]!r}, which is not a version number: left aside")
    return "*"


def checked_range(text: str, key: str) -> str:
    """The range with single spaces, or Failure."""
    wanted = " ".join(text.split())
    if RANGE.fullmatch(wanted):
        return wanted.removeprefix("v")
    raise Failure(
        f"package.json: {key} is {text[:80]!r}, which is not a version range",
        'write a range such as "24.x"',
    )


def key_files(package: Package, chosen: Installer) -> list[str]:
    """Every file the installed dependencies depend on; the whole tree with local packages."""
    packages = [package, *(Package(package.root, folder) for folder in package.workspaces)]
    names = {name for item in packages for name in [item.document.get("name")]}
    for item in packages:
        for name, text in item.all_dependencies.items():
            if LOCAL.match(text) and name not in names:
                say.detail(f"{name} comes from this repository: all is installed on every push")
                return ["."]
    files = [item.path for item in packages]
    files += [name for name in (chosen.lock, *SETTINGS) if exists(package.root, name)]
    for pattern in FOLDERS:
        found = glob.glob(pattern, root_dir=package.root, recursive=True, include_hidden=True)
        files += [name for name in sorted(found) if exists(package.root, name)]
    return files


def module_folders(package: Package) -> list[str]:
    folders = ["", *package.workspaces]
    return [os.path.join(folder, "node_modules") for folder in folders]


def pnpm_workspaces(root: str) -> list[str]:
    """The list under `packages:` in pnpm-workspace.yaml; enough YAML for what pnpm writes."""
    if not exists(root, "pnpm-workspace.yaml"):
        return []
    with open(os.path.join(root, "pnpm-workspace.yaml"), errors="replace") as file:
        text = file.read(1 << 16)
    block = re.search(r"^packages:\s*\n((?:[ \t]*-.*\n?|[ \t]*#.*\n?|\s*\n)*)", text, re.MULTILINE)
    items = re.findall(r"^[ \t]*-\s*[\"']?([^\"'\n#!]+)", block[1] if block else "", re.MULTILINE)
    return [item.strip() for item in items]


def variables(root: str, files: list[str]) -> list[str]:
    return config.references(
        root, [name for name in files if name.startswith((".npmrc", ".yarnrc"))]
    )


def without_install_scripts(document: dict[str, Any]) -> dict[str, Any]:
    """package.json as the dependency layer sees it: the app's own scripts need the app."""
    scripts = document.get("scripts")
    if not isinstance(scripts, dict):
        return document
    kept = {name: text for name, text in scripts.items() if name not in INSTALL_SCRIPTS}
    return {**document, "scripts": kept}
