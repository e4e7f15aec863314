"""The web process of an app without a Procfile, and what would keep it from starting."""

import os
import re
import shlex
import shutil

from lifecycle import say
from lifecycle.say import Failure

from nodejs import frameworks, runtime
from nodejs.frameworks import BUNDLE, Outcome
from nodejs.manifest import Package

# what only npm would supply to a start script
NEEDS_NPM = re.compile(r"npm_|\$INIT_CWD")


def default(root: Package, app: Package, made: Outcome, *, pnp: bool) -> dict[str, str]:
    """The start script's command itself: one process fewer, and signals reach the app."""
    if root.exists("Procfile"):
        return {}
    command = command_of(app, made)
    if not command:
        return no_start(root, app)
    check(app, command)
    if pnp and not command.startswith(("node ", "env ", "cd ")) and command != "npm start":
        command = "yarn run start"
    if app.folder:
        command = f"cd {shlex.quote(app.folder)} && exec {command}"
    return {"web": command}


def command_of(app: Package, made: Outcome) -> str:
    """How the app is started; "" when nothing says so."""
    scripts = app.scripts
    own = frameworks.own_start(app)
    if made.shape == BUNDLE or (made.command and not own):
        return made.command
    if own != scripts.get("start"):
        return own
    around = {"prestart", "poststart"} & scripts.keys()
    return own if not around and not NEEDS_NPM.search(own) else "npm start"


def no_start(root: Package, app: Package) -> dict[str, str]:
    if root.exists("static.json"):
        return {}
    made = frameworks.known(app)
    start = app.scripts.get("start", "")
    if made is not None and not app.build_script:
        raise Failure(
            f"this is a {made.title} app, but {app.path} has no build script",
            'add the one its documents name, such as "scripts": {"build": "vite build"}',
        )
    if start:
        raise Failure(
            f"the start script, {start[:80]}, is for development: it serves nothing in production",
            "start what the build makes, or add a static.json that names the folder to serve",
        )
    raise Failure(
        f"{app.path} has no start script, and there is no Procfile" + misspelt(app),
        'add one, such as "scripts": {"start": "node app.js"}; for a site made of files, '
        'add a static.json such as {"root": "dist"}',
    )


def misspelt(app: Package) -> str:
    """Scripts that were perhaps meant to be the start script."""
    alike = [name for name in app.scripts if name.lower() in ("strat", "satrt", "serve", "server",
             "start ", "run", "prod", "production", "start-prod", "preview")]  # fmt: skip
    return f" (it has {', '.join(alike)})" if alike else ""


# -- what would not start ----------------------------------------------------------------

BUILTINS = ("cd", "exec", "export", "set", "source", ".", "test", "if", "for", "while", "trap")
FILE = re.compile(r"(?:^|&&\s*|exec )node\s+(?:--[\w=./-]+\s+)*([\w@./-]+)")


def check(app: Package, command: str) -> None:
    """Failure for a command that cannot work in the image, as far as one can see it now."""
    if match := FILE.search(command):
        missing_file(app, match[1])
    word = command.removeprefix("exec ").split()[0]
    if re.fullmatch(r"[\w@.-]+", word) and word not in BUILTINS:
        missing_program(app, word)


def missing_file(app: Package, name: str) -> None:
    base = os.path.join(app.root, app.folder, name)
    if any(os.path.exists(base + end) for end in ("", ".js", ".mjs", ".cjs", "/index.js")):
        return
    built = f"the {app.build_script} script did not make it" if app.build_script else (
        "no build script makes it"
    )  # fmt: skip
    raise Failure(
        f"the app is started with node {name}, and there is no such file: {built}",
        'name the file that exists, or add "scripts": {"build": ...} that makes it '
        "(for TypeScript: tsc)",
    )


def missing_program(app: Package, word: str) -> None:
    """Failure for a program that the image will not have, though the build may."""
    folders = dict.fromkeys((app.root, os.path.join(app.root, app.folder)))
    bins = [os.path.join(folder, "node_modules/.bin") for folder in folders]
    found = next((path for one in bins if os.path.lexists(path := os.path.join(one, word))), "")
    if not found and shutil.which(
        word, path=f"{runtime.TOOLS}/bin:{runtime.NODE}/bin:/usr/bin:/bin"
    ):
        return
    package = re.search(
        r"node_modules/((?:@[^/]+/)?[^/]+)/(?!.*node_modules/)", os.path.realpath(found)
    )
    if found and (not package or package[1] not in app.dev_dependencies):
        return
    where = "which is among the devDependencies" if found or word in app.dev_dependencies else (
        "which no package among the dependencies has"
    )  # fmt: skip
    raise Failure(
        f"the app is started with {word}, {where}: the image has only the dependencies",
        "name its package in dependencies of package.json, and commit the lock file too",
    )


# -- finishing what a framework's build made ---------------------------------------------


def finish(app: Package, made: Outcome) -> None:
    """Next's standalone server wants its files beside it: its documents have them copied."""
    base = os.path.join(app.root, app.folder)
    standalone = os.path.join(base, ".next/standalone")
    if made.shape != BUNDLE or not os.path.isdir(standalone):
        return
    for source, target in ((".next/static", ".next/static"), ("public", "public")):
        here, there = os.path.join(base, source), os.path.join(standalone, app.folder, target)
        if os.path.isdir(here) and not os.path.exists(there):
            os.makedirs(os.path.dirname(there), exist_ok=True)
            shutil.copytree(here, there, symlinks=True)
    say.detail("the standalone server has its static files beside it")
