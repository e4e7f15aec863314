"""The Node.js buildpack: detect, plan, compile, release, and its layers.

The runtime (Node, npm and what else installs packages) is one layer, the same for
every app that asks for the same. A server has its production dependencies as a second
one, and where a script builds something, all dependencies as a third for the time of
the build, so that nothing has to be pruned. What a framework bundles, or builds as
files to serve, needs only that third one.
"""

import os
from typing import Any

from static import pack as static
from static.settings import Site

from nodejs import (
    frameworks,
    install,
    installers,
    manifest,
    monorepo,
    processes,
    runtime,
    scripts,
    versions,
)
from nodejs.frameworks import BUNDLE, SERVER, SITE, Outcome
from nodejs.installers import Installer
from nodejs.manifest import Package

LANGUAGE = "Node.js"
LOOKS_FOR = "package.json"
NODE, TOOLS = ".heroku/node", ".heroku/tools"
LAYERS = {
    "runtime": runtime.install,
    "tools": runtime.tools,
    "dependencies": install.production,
    "build-dependencies": install.everything,
}


def detect(root: str) -> list[str]:
    """package.json and the lock files beside it."""
    if not manifest.exists(root, "package.json"):
        return []
    return ["package.json", *(name for name in installers.LOCKS if manifest.exists(root, name))]


def packages(root: str, config: dict[str, str]) -> tuple[Package, Package]:
    """The repository's package, and the one that is the app: often the same."""
    package = Package(root)
    return package, monorepo.chosen(package, config)


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    """The layers; Failure when package.json or the lock files cannot serve."""
    package, app = packages(root, config)
    installer = installers.chosen(package)
    made = frameworks.outcome(app)
    wanted = f"node@{versions.node_range(package)}"
    return layers(package, installer, wanted, made.shape, builds=bool(scripts.to_run(package, app)))


def layers(
    package: Package, installer: Installer | None, wanted: str, shape: str, *, builds: bool
) -> list[dict[str, Any]]:
    """The plan for a shape of app over a runtime such as `node@24.x`."""
    found = programs(installer, wanted)
    if shape == SITE:
        found = [{**layer, "build_only": True} for layer in found]
    if installer is None or installer.committed:
        return found
    files = installers.key_files(package, installer)
    common = {
        "pack": "nodejs",
        "runtime": found[-1]["runtime"],
        "files": files,
        "provides": installer.provides(package),
        "shared": False,
        "grows": True,
        "variables": manifest.variables(package.root, files),
    }
    if shape == SERVER:
        found.append({"name": "dependencies", **common})
    if shape in (SITE, BUNDLE) or (package_tools(package) and builds):
        found.append(
            {"name": "build-dependencies", **common, "extends": "dependencies", "build_only": True}
        )
    return found


def programs(installer: Installer | None, wanted: str) -> list[dict[str, Any]]:
    """What runs the app, and the installer where that is not what comes along with it."""
    shared = {"pack": "nodejs", "files": [], "shared": True}
    found = [{"name": "runtime", **shared, "runtime": wanted, "provides": [NODE]}]
    if installer is not None and installer.version and wanted.startswith("node@"):
        both = f"{wanted} {installer.name}@{installer.version}"
        found.append({"name": "tools", **shared, "runtime": both, "provides": [TOOLS]})
    return found


def package_tools(package: Package) -> bool:
    """Whether the package or a workspace has development dependencies."""
    members = [package, *(Package(package.root, one) for one in package.workspaces)]
    return any(member.dev_dependencies for member in members)


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """Run the app's own install and build scripts."""
    package, app = packages(root, config)
    installer = installers.chosen(package)
    made = frameworks.outcome(app)
    if installer is not None and installer.committed:
        install.committed(package, installer, cache, config)
    scripts.run(package, app, installer, cache, config, environment)
    processes.finish(app, made)
    if site(package, made):
        serve(root, frameworks.site_folder(app, made))


def site(package: Package, made: Outcome) -> bool:
    """Whether we serve what was built; with a static.json the static pack does, after us."""
    return made.shape == SITE and not package.exists("static.json")


def serve(root: str, folder: str) -> None:
    """Have the static pack's nginx serve a folder that was built."""
    static.prepare(root, Site(root, built=folder))


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    """`npm start` without npm in between; Failure when nothing says how to start."""
    package, app = packages(root, config)
    made = frameworks.outcome(app)
    if site(package, made):
        return static.release(root, config)
    installer = installers.chosen(package)
    pnp = installer is not None and installer.pnp
    return {"default_process_types": processes.default(package, app, made, pnp=pnp)}


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    """What every Node.js app gets, and the packs after this one."""
    _, app = packages(root, config)
    if frameworks.outcome(app).shape == SITE:
        return {}
    path = [f"/app/{TOOLS}/bin", f"/app/{NODE}/bin", "/app/node_modules/.bin"]
    if app.folder:
        path.insert(2, f"/app/{app.folder}/node_modules/.bin")
    found = {
        "PATH": ":".join([*path, "$PATH"]),
        "NODE_ENV": "production",
        "npm_config_update_notifier": "false",
    }
    if os.path.exists(os.path.join(root, ".pnp.cjs")):
        found["NODE_OPTIONS"] = pnp_options(root)
    if "@angular/ssr" in frameworks.names(app):
        found["NG_ALLOWED_HOSTS"] = "*"  # the proxy passes nothing but the app's own domains
    return found


def pnp_options(root: str) -> str:
    """How Node finds packages that Plug'n'Play has not unpacked."""
    options = "--require /app/.pnp.cjs"
    if os.path.exists(os.path.join(root, ".pnp.loader.mjs")):
        options += " --experimental-loader file:///app/.pnp.loader.mjs"
    return options
