"""The Node.js buildpack: detect, plan, compile, release, and its layers.

Three layers: the runtime (Node, npm and what else installs packages; the same for
every app that asks for the same), the production dependencies, and, only where a
script of the app builds something, all dependencies for the time of the build.
That last layer is build_only: it is mounted over the others while we build and is
not part of the image, so nothing has to be pruned on every push.
"""

from typing import Any

from nodejs import install, manifest, scripts

LANGUAGE = "Node.js"
LOOKS_FOR = "package.json"
NODE = ".heroku/node"
LAYERS = {
    "runtime": install.runtime,
    "dependencies": install.production,
    "build-dependencies": install.everything,
}


def detect(root: str) -> list[str]:
    """package.json and the lock files beside it."""
    if not manifest.exists(root, "package.json"):
        return []
    return ["package.json", *(name for name in manifest.LOCKS if manifest.exists(root, name))]


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    """The layers; Failure when package.json or the lock files cannot serve."""
    package = manifest.Package(root)
    installer = manifest.installer(package)
    wanted = manifest.runtime(package, installer)
    runtime = {"name": "runtime", "pack": "nodejs", "runtime": wanted, "files": []}
    layers: list[dict[str, Any]] = [{**runtime, "provides": [NODE], "shared": True}]
    if installer is None:
        return layers
    files = manifest.key_files(package, installer)
    dependencies = {
        "name": "dependencies",
        "pack": "nodejs",
        "runtime": wanted,
        "files": files,
        "provides": manifest.module_folders(package),
        "shared": False,
        "variables": manifest.variables(root, files),
    }
    layers.append(dependencies)
    if package.dev_dependencies and scripts.to_run(package):
        layers.append({**dependencies, "name": "build-dependencies", "build_only": True})
    return layers


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """Run the app's own install and build scripts."""
    scripts.run(manifest.Package(root), cache, config, environment)


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    """`npm start` without npm in between; Failure when nothing says how to start."""
    return {"default_process_types": scripts.default_processes(manifest.Package(root))}


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    """What every Node.js app gets, and the packs after this one."""
    return {
        "PATH": f"/app/{NODE}/bin:/app/node_modules/.bin:$PATH",
        "NODE_ENV": "production",
        "npm_config_update_notifier": "false",
    }
