"""The Bun buildpack: apps that Bun itself runs. What Bun only installs is Node's.

The layers are those of the nodejs pack, with Bun in place of Node: the same lock
files, workspaces and frameworks mean the same.
"""

import os
import re
from typing import Any

from nodejs import frameworks, installers, manifest, monorepo, pack, scripts
from nodejs.installers import Installer
from nodejs.manifest import Package

LANGUAGE = "Bun"
LOOKS_FOR = "bun.lock, bun.lockb or bunfig.toml, and a start script that runs bun"
LAYERS: dict[str, Any] = {}  # planned as layers of the nodejs pack
SIGNS = ("bun.lock", "bun.lockb", "bunfig.toml")
RUNS_BUN = re.compile(r"(?:^|[;&|]\s*|\bexec )(?:bun|bunx)\b")
ENTRIES = ("index.ts", "server.ts", "src/index.ts", "src/server.ts", "main.ts", "app.ts",
           "index.tsx", "index.js", "server.js")  # fmt: skip
SERVES = re.compile(r"\bBun\.serve\(|export default |\.listen\(|\bserve\(")
VERSION_FILE = ".bun-version"


def detect(root: str) -> list[str]:
    """The lock file or settings of Bun, where the app does not ask for Node to run it."""
    seen = [name for name in SIGNS if manifest.exists(root, name)]
    if not manifest.exists(root, "package.json"):
        return seen if seen and entry(root) else []
    package = Package(root)
    asks_bun = bool(package.table("engines").get("bun")) or installers.declared(package) == "bun"
    asks_node = bool(package.table("engines").get("node")) or any(
        manifest.exists(root, name) for name in (".nvmrc", ".node-version")
    )
    if asks_node or not (seen or asks_bun):
        return []
    return ["package.json", *seen] if runs_bun(package) else []


def runs_bun(package: Package) -> bool:
    """Whether what starts the app, or one of its workspaces, is Bun."""
    procfile = manifest.read(package.root, "Procfile")
    if procfile:
        return bool(re.search(r"^\w+:\s*(?:exec )?bunx?\b", procfile, re.MULTILINE))
    members = [package, *(Package(package.root, folder) for folder in package.workspaces)]
    starts = [member.scripts["start"] for member in members if "start" in member.scripts]
    if starts:
        return any(RUNS_BUN.search(start) for start in starts)
    return frameworks.known(package) is None and bool(entry(package.root))


def entry(root: str) -> str:
    """The file that Bun can serve when no script says; "" when there is none."""
    for name in ENTRIES:
        if SERVES.search(manifest.read(root, name)):
            return name
    return ""


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    """The nodejs pack's layers, over a runtime that is Bun."""
    if not manifest.exists(root, "package.json"):
        return pack.programs(None, f"bun@{version(root, None)}")
    package, app = pack.packages(root, config)
    installer = chosen(package)
    wanted = f"bun@{version(root, package)}"
    shape = frameworks.outcome(app).shape
    builds = bool(scripts.to_run(package, app))
    return pack.layers(package, installer, wanted, shape, builds=builds)


def chosen(package: Package) -> Installer | None:
    """Bun, whatever else has left a lock file beside its own."""
    lock = next((name for name in SIGNS[:2] if manifest.exists(package.root, name)), "")
    return Installer(package, "bun", lock) if lock else installers.chosen(package)


def version(root: str, package: Package | None) -> str:
    """.bun-version, then what package.json says, else the newest of today's line."""
    text = manifest.read(root, VERSION_FILE).strip().removeprefix("v")
    if re.fullmatch(r"\d+(\.\d+){0,2}", text):
        return text
    return installers.version(package, "bun", "") if package else "1"


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """Run the app's own install and build scripts."""
    if not manifest.exists(root, "package.json"):
        return
    package, app = pack.packages(root, config)
    scripts.run(package, app, chosen(package), cache, config, environment)
    made = frameworks.outcome(app)
    if pack.site(package, made):
        pack.serve(root, frameworks.site_folder(app, made))


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    """The start script's command itself, or the file that serves."""
    if manifest.exists(root, "Procfile"):
        return {"default_process_types": {}}
    app = Package(root) if manifest.exists(root, "package.json") else None
    if app is not None:
        package = app
        app = monorepo.chosen(package, config)
        if app.scripts.get("start") or not entry(os.path.join(root, app.folder)):
            return pack.release(root, config)
    folder = app.folder if app else ""
    command = f"bun {entry(os.path.join(root, folder))}"
    web = f"cd {folder} && exec {command}" if folder else command
    return {"default_process_types": {"web": web}}


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    """What every Bun app gets: its PATH, and an address Bun.serve takes from PORT itself."""
    if manifest.exists(root, "package.json"):
        return pack.environment(root, config)
    return {"PATH": f"/app/{pack.NODE}/bin:$PATH", "NODE_ENV": "production"}
