"""The Deno buildpack: detect, plan, compile, release, and its layers.

Deno itself comes from the package registry, as Node does. Packages are kept in Deno's
own directory at /app/.deno (and node_modules where the app has a package.json), a
layer of its own; compile adds the app's own modules, checked against the lock file.
"""

import os
import re
from typing import Any

from lifecycle import child, config, say
from lifecycle.say import Failure
from nodejs import install

from deno import explain, manifest

LANGUAGE = "Deno"
LOOKS_FOR = "deno.json, deno.jsonc or deno.lock"
RUNTIME = ".heroku/node"
DENO_DIR = ".deno"
OWN_LOCK = f"/app/{DENO_DIR}/deno.lock"
PROFILE = ".profile.d/deno.sh"
# Deno.serve without a port of its own takes this address (docs.deno.com: environment variables)
PROFILE_TEXT = '[ -z "$PORT" ] || export DENO_SERVE_ADDRESS="tcp:0.0.0.0:$PORT"\n'
SIMPLE = re.compile(r"deno (?:run|serve) [^;&|<>()`$'\"\n]*")
MODULE = re.compile(r"\S+\.(?:[cm]?[jt]s|[jt]sx)\b")


def detect(root: str) -> list[str]:
    """The files that make this a Deno app; none when it is not one."""
    return manifest.seen(root)


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    """Deno itself, which apps share, and the packages."""
    wanted = f"deno@{manifest.version(root)}"
    runtime = {"name": "runtime", "pack": "nodejs", "runtime": wanted, "files": []}
    layers: list[dict[str, Any]] = [{**runtime, "provides": [RUNTIME], "shared": True}]
    if files := manifest.key_files(root):
        layers.append(
            {
                "name": "dependencies",
                "pack": "deno",
                "runtime": wanted,
                "files": files,
                "provides": [DENO_DIR, "node_modules"],
                "shared": False,
                "grows": True,
                "variables": config_references(root, files),
            }
        )
    return layers


def config_references(root: str, files: list[str]) -> list[str]:
    return config.references(root, [name for name in files if name.endswith(".npmrc")])


def dependencies(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """What deno.json and package.json name, as deno.lock has it."""
    say.step("Installing dependencies with Deno")
    argv = [f"/app/{RUNTIME}/bin/deno", "install"]
    if manifest.exists(source, "deno.lock"):
        argv.append("--frozen")
    else:
        say.detail("there is no deno.lock: versions may change with every build")
    # package.json's node_modules are made beside it, so that is where it has to be
    placed = install.place(source)
    done = child.run(argv, settings(variables, dict(os.environ)), "/app")
    if done.status:
        raise explain.deno("deno install", done.output)
    for path, text in placed.items():
        install.put_back(path, text)
    if os.path.exists("/app/deno.lock"):  # the app has none: what was chosen now stays chosen
        os.rename("/app/deno.lock", OWN_LOCK)


LAYERS = {"dependencies": dependencies}


def settings(variables: dict[str, str], base: dict[str, str]) -> dict[str, str]:
    """Deno's environment: its directory in the app, and no chatter."""
    return {
        **base,
        **config.exported(variables),
        "DENO_DIR": f"/app/{DENO_DIR}",
        "DENO_NO_UPDATE_CHECK": "1",
        "DENO_NO_PROMPT": "1",
        "NO_COLOR": "1",
        "DENO_TLS_CA_STORE": "system",
        "PATH": f"/app/{RUNTIME}/bin:{base.get('PATH', '')}",
    }


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """The build task, then the app's own modules, translated and checked."""
    base = settings(config, environment)
    if "build" in manifest.tasks(root):
        say.step("Running the build task")
        done = child.run(["deno", "task", "build"], base, root)
        if done.status:
            raise explain.deno("the build task of deno.json", done.output)
    if module := entry_module(root):
        done = child.run(["deno", "cache", *locked(root), module], base, root)
        if done.status:
            raise explain.deno(f"preparing {module}", done.output)
    path = os.path.join(root, PROFILE)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(PROFILE_TEXT)


def locked(root: str) -> list[str]:
    """The lock file to obey: the app's own to the letter, else the one the layer was made by."""
    if manifest.exists(root, "deno.lock"):
        return ["--frozen"]
    return [f"--lock={OWN_LOCK}"] if os.path.exists(OWN_LOCK) else []


def entry_module(root: str) -> str:
    """The file the web process runs, where its command names one that is there."""
    procfile = re.search(r"^web:\s*(.*)$", manifest.read(root, "Procfile"), re.MULTILINE)
    text = procfile[1] if procfile else command(root)
    named = [name for name in MODULE.findall(text) if manifest.exists(root, name)]
    return named[0] if named else ""


def command(root: str) -> str:
    """How the app is started; "" when nothing says so."""
    tasks = manifest.tasks(root)
    if "start" in tasks:
        text = tasks["start"].strip()
        return text if SIMPLE.fullmatch(text) else "deno task start"
    name = manifest.entry(root)
    if not name:
        return ""
    if manifest.DEFAULT_EXPORT.search(manifest.read(root, name)):
        return f"deno serve -A --host 0.0.0.0 --port $PORT {name}"
    return f"deno run -A {name}"


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    """The default process; Failure when nothing says how to start."""
    if manifest.exists(root, "Procfile"):
        return {"default_process_types": {}}
    if text := command(root):
        return {"default_process_types": {"web": text}}
    raise Failure(
        "deno.json has no start task, and there is no main.ts that serves",
        'add one, such as "tasks": {"start": "deno run -A main.ts"}',
    )


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    """What every Deno app gets, and the packs after this one."""
    return {
        "PATH": f"/app/{RUNTIME}/bin:$PATH",
        "DENO_DIR": f"/app/{DENO_DIR}",
        "DENO_NO_UPDATE_CHECK": "1",
        "DENO_NO_PROMPT": "1",
    }
