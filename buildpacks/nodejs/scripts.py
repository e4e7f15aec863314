"""The app's own scripts that build it, with the caches they keep from build to build."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from lifecycle import child, say

from nodejs import explain, frameworks, installers, manifest, monorepo, runtime
from nodejs.install import yarn_argv
from nodejs.manifest import Package


def to_run(root: Package, app: Package) -> list[tuple[Package, str]]:
    """What a build runs, in order, as Heroku does: a package and the name of its script."""
    before = [
        (root, name)
        for name in ("heroku-prebuild", *manifest.INSTALL_SCRIPTS)
        if name in root.scripts
    ]
    after = [(root, "heroku-cleanup")] if "heroku-cleanup" in root.scripts else []
    return [*before, *builds(root, app), *after]


def builds(root: Package, app: Package) -> list[tuple[Package, str]]:
    """The build scripts: the root's own when it is the app, else those the app depends on."""
    packages = [root] if app.folder == "" else monorepo.build_order(root, app)
    return [(one, one.build_script) for one in packages if one.build_script]


def run(
    root: Package,
    app: Package,
    installer: installers.Installer | None,
    cache: str,
    variables: dict[str, str],
    base: dict[str, str],
) -> None:
    """Run them; Failure naming the script that failed."""
    wanted = to_run(root, app)
    if not wanted:
        return
    environment = {
        "NODE_ENV": "production",
        "NEXT_TELEMETRY_DISABLED": "1",
        "ASTRO_TELEMETRY_DISABLED": "1",
        "NUXT_TELEMETRY_DISABLED": "1",
        **base,
        **runtime.environment(cache, variables, runtime.NODE),
        "PATH": search_path(root, app, base),
    }
    with kept_caches(app, cache):
        for package, name in wanted:
            run_one(package, name, script_argv(package, name, installer), environment)


def search_path(root: Package, app: Package, base: dict[str, str]) -> str:
    folders = [f"{runtime.TOOLS}/bin", f"{runtime.NODE}/bin"]
    folders += [
        os.path.join(root.root, folder, "node_modules/.bin") for folder in {"": 1, app.folder: 1}
    ]
    return ":".join([*folders, base.get("PATH", "")])


def script_argv(package: Package, name: str, installer: installers.Installer | None) -> list[str]:
    """How a script is run: by npm, which every Node has, but for what only its installer can."""
    if installer is not None and installer.pnp:
        return [*yarn_argv(package.root), "run", name]
    if not os.path.exists(f"{runtime.NODE}/bin/node"):
        return ["bun", "run", "--silent", name]
    return [*runtime.npm(runtime.NODE), "run", "--silent", name]


def run_one(package: Package, name: str, argv: list[str], environment: dict[str, str]) -> None:
    where = f" of {package.folder}" if package.folder else ""
    say.step(f"Running the {name} script{where}")
    done = child.run(argv, environment, os.path.join(package.root, package.folder))
    if done.status:
        raise explain.script(package, name, done)


# -- caches ------------------------------------------------------------------------------


@contextmanager
def kept_caches(app: Package, cache: str) -> Iterator[None]:
    """The folders that build tools keep their work in are on the cache mount for a while.

    They are links then, so nothing is copied in or out, and the image has none of it.
    """
    home = os.path.join(cache, "builds", hashlib.sha256(app.folder.encode()).hexdigest()[:12])
    placed = []
    for path in frameworks.caches(app):
        link = os.path.join(app.root, app.folder, path)
        if os.path.lexists(link):
            continue
        target = os.path.join(home, path.replace("/", "+"))
        os.makedirs(target, exist_ok=True)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(target, link)
        placed.append(link)
    try:
        yield
    finally:
        for link in placed:
            if os.path.islink(link):
                os.unlink(link)
    leave_out(app)


def leave_out(app: Package) -> None:
    """What builds leave behind and nothing reads at run time."""
    for path in (".turbo", ".parcel-cache", ".angular/cache"):
        shutil.rmtree(os.path.join(app.root, app.folder, path), ignore_errors=True)
