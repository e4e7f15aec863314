"""The app's own scripts: those that build it, and the one that starts it."""

import os
import re

from lifecycle import child, say
from lifecycle.say import Failure

from nodejs import install, manifest
from nodejs.manifest import Package

BUILD = ("heroku-postbuild", "build")  # the first that exists
# what only npm would supply to a start script
NEEDS_NPM = re.compile(r"npm_|\$INIT_CWD")


def to_run(package: Package) -> list[str]:
    """Names of the scripts a build runs, in order, as Heroku runs them."""
    scripts = package.scripts
    names = ["heroku-prebuild", *manifest.INSTALL_SCRIPTS]
    build = next((name for name in BUILD if name in scripts), None)
    return [name for name in [*names, build, "heroku-cleanup"] if name and name in scripts]


def run(package: Package, cache: str, variables: dict[str, str], base: dict[str, str]) -> None:
    """Run them; Failure naming the script that failed."""
    names = to_run(package)
    if not names:
        return
    environment = {
        "NODE_ENV": "production",
        **base,
        **install.environment(cache, variables, install.NODE),
    }
    for name in names:
        say.step(f"Running the {name} script")
        argv = [*install.npm(install.NODE), "run", "--silent", name]
        done = child.run(argv, environment, package.root)
        if done.status:
            raise Failure(
                f"the {name} script of package.json failed with status {done.status}",
                "see its lines above",
            )


def default_processes(package: Package) -> dict[str, str]:
    """The start script's command itself: one process fewer, and signals reach the app."""
    if os.path.isfile(os.path.join(package.root, "Procfile")):
        return {}
    scripts = package.scripts
    if "start" not in scripts:
        if manifest.exists(package.root, "server.js"):
            return {"web": "node server.js"}
        if manifest.exists(package.root, "static.json"):
            return {}
        raise Failure(
            "package.json has no start script, and there is no Procfile",
            'add one, such as "scripts": {"start": "node app.js"}; for a site made of files, '
            'add a static.json such as {"root": "dist"}',
        )
    around = {"prestart", "poststart"} & scripts.keys()
    direct = not around and not NEEDS_NPM.search(scripts["start"])
    return {"web": scripts["start"] if direct else "npm start"}
