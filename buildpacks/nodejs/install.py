"""Filling the dependency layers: what the lock file names, by the program that wrote it."""

import json
import os
import re
import shutil
from typing import Any

from lifecycle import child, say

from nodejs import explain, installers, manifest, runtime
from nodejs.installers import Installer
from nodejs.manifest import DEPENDENCIES, Package
from nodejs.runtime import NODE

APP = "/app"


def production(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """What the app needs to run."""
    wants_all = variables.get("NPM_CONFIG_PRODUCTION", variables.get("YARN_PRODUCTION", ""))
    install(source, cache, variables, plan, everything=wants_all.lower() == "false")


def everything(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """What the app needs to be built."""
    install(source, cache, variables, plan, everything=True)


def install(
    source: str, cache: str, variables: dict[str, str], plan: dict[str, Any], *, everything: bool
) -> None:
    package = Package(source)
    chosen = installers.chosen(package)
    if chosen is None:
        return
    kind = "all" if everything else "production"
    say.step(f"Installing {kind} dependencies with {chosen.name} ({chosen.lock})")
    placed = place(source)
    base = environment(chosen, cache, variables)
    for argv in commands(chosen, cache, everything=everything, grown=bool(plan.get("grown"))):
        done = child.run(argv, base, APP)
        if done.status:
            raise explain.installer(chosen.name, done.output)
    for path, text in placed.items():
        put_back(path, text)
    if chosen.pnp:
        with open(os.path.join(APP, installers.OF_LAYER), "w"):
            pass


def committed(package: Package, chosen: Installer, cache: str, variables: dict[str, str]) -> None:
    """What is in the repository already (yarn's zero-installs), linked and no more."""
    say.step("Linking the packages of .yarn/cache")
    argv = [*yarn_argv(package.root), "install", "--immutable", "--immutable-cache"]
    done = child.run(argv, environment(chosen, cache, variables), package.root)
    if done.status:
        raise explain.installer("yarn", done.output)


def environment(chosen: Installer, cache: str, variables: dict[str, str]) -> dict[str, str]:
    """The installer's environment."""
    base = {**runtime.environment(cache, variables, NODE), "CI": "true"}
    if chosen.pnp:
        # the packages stay where the app will read them from
        base.update(YARN_ENABLE_GLOBAL_CACHE="false", YARN_CACHE_FOLDER=f"{APP}/.yarn/cache")
    return base


# -- the key files, in place -------------------------------------------------------------


def place(source: str) -> dict[str, bytes | None]:
    """Have the key files below /app, each package.json without the app's own scripts.

    The paths that were changed, each with the text it had, None where it was not there.
    """
    changed: dict[str, bytes | None] = {}
    made = {"node_modules", ".heroku", *((".yarn",) if source == APP else ())}
    for folder, below, names in os.walk(source):
        below[:] = [name for name in below if name not in made]
        for name in names:
            path = os.path.join(folder, name)
            target = os.path.join(APP, os.path.relpath(path, source))
            if source != APP:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(path, target)
                changed[target] = None
            if name == "package.json":
                if source == APP:
                    with open(path, "rb") as file:
                        changed[target] = file.read()
                rewrite(target)
    return changed


def put_back(path: str, text: bytes | None) -> None:
    if text is None:
        os.unlink(path)
        return
    with open(path, "wb") as file:
        file.write(text)


def rewrite(path: str) -> None:
    with open(path, encoding="utf-8-sig") as file:
        document = manifest.without_install_scripts(json.load(file))
    with open(path, "w") as file:
        json.dump(document, file)


# -- the commands ------------------------------------------------------------------------


def commands(chosen: Installer, cache: str, *, everything: bool, grown: bool) -> list[list[str]]:
    """What to run in order; each refuses a lock file that does not fit package.json."""
    if chosen.name == "npm":
        return [npm(chosen, everything=everything, grown=grown)]
    if chosen.name == "pnpm":
        argv = ["pnpm", "install", "--frozen-lockfile", "--reporter=append-only"]
        stores = [f"--store-dir={cache}/pnpm", "--package-import-method=copy"]
        return [[*argv, *stores, "--prod=false" if everything else "--prod"]]
    if chosen.name == "bun":
        argv = ["bun", "install", "--frozen-lockfile", "--no-progress", "--no-summary"]
        return [argv if everything else [*argv, "--production"]]
    yarn = yarn_argv(APP)
    if chosen.berry and (everything or not focuses(chosen)):
        return [[*yarn, "install", "--immutable"]]
    if chosen.berry:
        # focus installs whatever package.json says; whether that is locked is asked before
        check = [[*yarn, "install", "--immutable", "--mode=skip-build"]]
        focus = [[*yarn, "workspaces", "focus", "--all", "--production"]]
        return focus if berry_in_step(Package(APP), chosen.lock) else [*check, *focus]
    flags = ["--frozen-lockfile", "--non-interactive", "--no-progress"]
    return [[*yarn, "install", *flags, f"--production={'false' if everything else 'true'}"]]


def focuses(chosen: Installer) -> bool:
    """Whether this yarn can leave development packages out: before 4, by a plugin."""
    plugin = ".yarn/plugins/@yarnpkg/plugin-workspace-tools.cjs"
    return not chosen.version.startswith(("2", "3")) or manifest.exists(APP, plugin)


def npm(chosen: Installer, *, everything: bool, grown: bool) -> list[str]:
    """`npm ci` begins by deleting what is there; `npm install` adds, where the lock file fits."""
    omit = "--include=dev" if everything else "--omit=dev"
    if grown and in_step(Package(APP), chosen.lock):
        return [*runtime.npm(NODE), "install", "--no-save", "--prefer-offline", omit]
    return [*runtime.npm(NODE), "ci", omit]


def in_step(package: Package, lock: str) -> bool:
    """Whether npm's lock file was made from just these dependencies (lockfileVersion 2 and 3)."""
    try:
        with open(os.path.join(package.root, lock), encoding="utf-8-sig") as file:
            locked = json.load(file)["packages"]
        packages = [package, *(Package(package.root, one) for one in package.workspaces)]
        return "overrides" not in package.document and all(
            asked(item.document) == asked(locked[item.folder]) for item in packages
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def asked(document: dict[str, Any]) -> list[object]:
    return [document.get(key) or {} for key in (*DEPENDENCIES, "peerDependencies")]


WORKSPACE = re.compile(r'^"[^"\n]+@workspace:([^",\n]+)".*:\n((?:  .*\n)+)', re.MULTILINE)
ENTRIES = re.compile(r"^  dependencies:\n((?:    .*\n)+)", re.MULTILINE)
ENTRY = re.compile(r'^    "?([^":\n]+)"?: "?(?:npm:)?([^"\n]*)"?$', re.MULTILINE)


def berry_in_step(package: Package, lock: str) -> bool:
    """Whether yarn.lock (2 and later) has just these dependencies of every workspace."""
    blocks = dict(WORKSPACE.findall(manifest.read(package.root, lock)))
    for item in (package, *(Package(package.root, one) for one in package.workspaces)):
        found = ENTRIES.search(blocks.get(item.folder or ".", ""))
        if dict(ENTRY.findall(found[1] if found else "")) != item.all_dependencies:
            return False
    return True


def yarn_argv(root: str) -> list[str]:
    """The release committed in .yarn/releases, else the one in the runtime layer."""
    folder = os.path.join(root, ".yarn/releases")
    releases = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return ["node", f".yarn/releases/{releases[-1]}"] if releases else ["yarn"]
