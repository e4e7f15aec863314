"""Filling the layers: Node itself, and what the lock file names."""

import json
import os
import shutil
from typing import Any

from lifecycle import child, config, say
from lifecycle.say import Failure

from nodejs import explain, manifest

APP = "/app"
NODE = "/app/.heroku/node"
# the npm that comes with the stack wants a recent Node; older ones get an npm of their time
NPM_BY_MAJOR = ((20, "10"), (18, "10"), (16, "9"), (14, "9"), (12, "8"), (0, "6"))
OWN_NPM_FROM = 22
YARN_BERRY = "@yarnpkg/cli-dist"


def stack_node() -> str:
    """The folder of the stack's own Node: bin/node, lib/node_modules/npm, include/."""
    found = shutil.which("node")
    if found is None:
        raise Failure("this stack has no Node to begin with", "make the stack anew")
    return os.path.dirname(os.path.dirname(os.path.realpath(found)))


def npm(node: str) -> list[str]:
    """npm's argv with a Node of this folder and the npm beside it, however it is linked."""
    return [f"{node}/bin/node", f"{node}/lib/node_modules/npm/bin/npm-cli.js"]


def environment(cache: str, variables: dict[str, str], node: str) -> dict[str, str]:
    """What installers get: their caches on the app's cache mount, and no chatter."""
    path = f"{node}/bin:{APP}/node_modules/.bin:{os.environ.get('PATH', '')}"
    return {
        **os.environ,
        **config.exported(variables),
        "PATH": path,
        "npm_config_cache": f"{cache}/npm",
        "npm_config_update_notifier": "false",
        "npm_config_fund": "false",
        "npm_config_audit": "false",
        "npm_config_progress": "false",
        # npm_config_nodedir to older versions; npm of today warns of that name
        "npm_package_config_node_gyp_nodedir": headers(node),
        "YARN_CACHE_FOLDER": f"{cache}/yarn",
        "YARN_GLOBAL_FOLDER": f"{cache}/yarn-berry",
        "YARN_NODE_LINKER": "node-modules",
        "YARN_ENABLE_TELEMETRY": "0",
        "YARN_ENABLE_PROGRESS_BARS": "0",
        "YARN_HTTPS_CA_FILE_PATH": os.environ.get("NODE_EXTRA_CA_CERTS", ""),
    }


def headers(node: str) -> str:
    """Where native addons find Node's headers: beside it, or the stack's for a copy of that."""
    return node if os.path.isdir(f"{node}/include/node") else stack_node()


# -- the runtime -----------------------------------------------------------------------


def runtime(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """Node in the asked range with npm, and yarn or pnpm, at /app/.heroku/node."""
    wanted = dict(parts(plan["runtime"]))
    base = environment(cache, variables, stack_node())
    say.step("Installing Node.js")
    node_version = node(wanted.pop("node"), base)
    if "npm" not in wanted and int(node_version.split(".")[0]) < OWN_NPM_FROM:
        major = int(node_version.split(".")[0])
        wanted["npm"] = next(npm for least, npm in NPM_BY_MAJOR if major >= least)
    say.detail(f"Node {node_version}")
    for name, version in wanted.items():
        tool(name, version, base)


def parts(text: str) -> list[tuple[str, str]]:
    """`node@>=20 <23 pnpm@9` as name and range; ranges have spaces too."""
    found: list[tuple[str, str]] = []
    for word in text.split(" "):
        name, separator, version = word.partition("@")
        if separator:
            found.append((name, version))
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]} {word}")
    return found


def node(wanted: str, base: dict[str, str]) -> str:
    """The stack's own Node when it fits (nothing to fetch), else the newest that does."""
    stack = stack_node()
    code = (
        f"const s = require({json.dumps(stack + '/lib/node_modules/npm/node_modules/semver')});"
        "const r = s.validRange(process.argv[1]);"
        "console.log(JSON.stringify([r, r !== null && s.satisfies(process.version, r)]))"
    )
    status, output = child.capture([f"{stack}/bin/node", "-e", code, "--", wanted], base, "/")
    valid, fits = json.loads(output) if status == 0 else (None, False)
    if valid is None:
        raise Failure(
            f"package.json: engines.node is {wanted!r}, which is not a version range",
            'write a range such as "24.x"',
        )
    if fits:
        copy_stack(stack)
    else:
        fetch(wanted, valid, base)
    _, version = child.capture([f"{NODE}/bin/node", "--version"], base, "/")
    return version.strip().removeprefix("v")


def copy_stack(stack: str) -> None:
    os.makedirs(f"{NODE}/bin", exist_ok=True)
    shutil.copy2(f"{stack}/bin/node", f"{NODE}/bin/node")
    copy_npm(stack)


def copy_npm(stack: str) -> None:
    shutil.copytree(f"{stack}/lib/node_modules/npm", f"{NODE}/lib/node_modules/npm", symlinks=True)
    for name in ("npm", "npx"):
        os.symlink(f"../lib/node_modules/npm/bin/{name}-cli.js", f"{NODE}/bin/{name}")


def fetch(wanted: str, valid: str, base: dict[str, str]) -> None:
    """Node from the package registry, which carries every release for each architecture."""
    architecture = {"x86_64": "x64", "aarch64": "arm64"}.get(os.uname().machine, "x64")
    package = f"node-linux-{architecture}"
    argv = [*npm(stack_node()), "install", "--prefix", "/tmp/node", "--no-save", "--ignore-scripts"]
    done = child.run([*argv, "--loglevel=error", f"{package}@{valid}"], base, "/tmp")
    if done.status:
        if "ETARGET" in done.output or "E404" in done.output:
            raise Failure(
                f"there is no release of Node.js that fits engines.node {wanted!r}",
                'write a range that exists in package.json, such as "24.x"',
            )
        raise explain.npm(done.output)
    os.makedirs(os.path.dirname(NODE), exist_ok=True)
    shutil.move(f"/tmp/node/node_modules/{package}", NODE)
    for name in ("share", "README.md", "CHANGELOG.md"):
        path = os.path.join(NODE, name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)
    if not os.path.exists(f"{NODE}/lib/node_modules/npm"):
        copy_npm(stack_node())


def tool(name: str, version: str, base: dict[str, str]) -> None:
    """npm, yarn or pnpm of a version, beside Node. By npm: corepack would fetch elsewhere."""
    berry = name == "yarn" and not version.lstrip("^~=v").startswith(("1", "0"))
    package = YARN_BERRY if berry else name
    argv = [*npm(stack_node()), "install", "--global", "--prefix", NODE, "--ignore-scripts"]
    done = child.run([*argv, "--loglevel=error", "--force", f"{package}@{version}"], base, "/tmp")
    if done.status:
        raise Failure(
            f"there is no {name} {version}",
            f"correct packageManager or engines.{name} in package.json",
        )
    say.detail(f"{name} {version}")


# -- the dependencies ------------------------------------------------------------------


def production(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """What the app needs to run."""
    wants_all = variables.get("NPM_CONFIG_PRODUCTION", variables.get("YARN_PRODUCTION", ""))
    install(source, cache, variables, everything=wants_all.lower() == "false")


def everything(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """What the app needs to be built, over the production layer, which this one hides."""
    install(source, cache, variables, everything=True)


def install(source: str, cache: str, variables: dict[str, str], *, everything: bool) -> None:
    package = manifest.Package(source)
    chosen = manifest.installer(package)
    if chosen is None:
        return
    kind = "all" if everything else "production"
    say.step(f"Installing {kind} dependencies with {chosen.name} ({chosen.lock})")
    placed = place(source) if source != APP else []
    base = {**environment(cache, variables, NODE), **settings(chosen, cache), "CI": "true"}
    for argv in commands(chosen, source, everything=everything):
        done = child.run(argv, base, APP)
        if done.status:
            raise explain.installer(chosen.name, done.output)
    for path in placed:
        os.unlink(path)


def settings(chosen: manifest.Installer, cache: str) -> dict[str, str]:
    """What only one installer knows; the others would warn of it."""
    if chosen.name == "pnpm":
        return {
            "npm_config_store_dir": f"{cache}/pnpm",
            "npm_config_package_import_method": "copy",
        }
    return {}


def place(source: str) -> list[str]:
    """Copy the key files below /app, package.json without the app's own scripts."""
    placed = []
    for folder, _, names in os.walk(source):
        for name in names:
            path = os.path.join(folder, name)
            target = os.path.join(APP, os.path.relpath(path, source))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(path, target)
            if name == "package.json":
                rewrite(target)
            placed.append(target)
    return placed


def rewrite(path: str) -> None:
    with open(path, encoding="utf-8-sig") as file:
        document = manifest.without_install_scripts(json.load(file))
    with open(path, "w") as file:
        json.dump(document, file)


def commands(chosen: manifest.Installer, source: str, *, everything: bool) -> list[list[str]]:
    """What to run in order, by installer; each refuses a lock file that does not fit."""
    if chosen.name == "npm":
        omit = "--include=dev" if everything else "--omit=dev"
        return [[*npm(NODE), "ci", omit, "--no-audit", "--no-fund"]]
    if chosen.name == "pnpm":
        production = "--prod=false" if everything else "--prod"
        return [["pnpm", "install", "--frozen-lockfile", "--reporter=append-only", production]]
    yarn = yarn_argv(source)
    if berry(source, chosen):
        check = [*yarn, "install", "--immutable"]
        return [check] if everything else [[*yarn, "workspaces", "focus", "--all", "--production"]]
    production = f"--production={'false' if everything else 'true'}"
    return [
        [*yarn, "install", "--frozen-lockfile", "--non-interactive", "--no-progress", production]
    ]


def berry(source: str, chosen: manifest.Installer) -> bool:
    with open(os.path.join(source, chosen.lock), errors="replace") as file:
        return "__metadata:" in file.read(4096)


def yarn_argv(source: str) -> list[str]:
    """The release committed in .yarn/releases, else the one in the runtime layer."""
    folder = os.path.join(source, ".yarn/releases")
    releases = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return ["node", f".yarn/releases/{releases[-1]}"] if releases else ["yarn"]
