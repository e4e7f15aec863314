"""What runs an app, and what installs its packages: a layer each, for all apps alike.

All of it comes from the package registry, which carries every release of Node, yarn,
pnpm, Bun and Deno, so that no other host need be reached (corepack would fetch
elsewhere). The packs of Bun and Deno plan this layer too.
"""

import json
import os
import re
import shutil
from typing import Any

from lifecycle import child, config, say
from lifecycle.say import Failure

from nodejs import explain

NODE = "/app/.heroku/node"
TOOLS = "/app/.heroku/tools"
# the npm that comes with the stack wants a recent Node; older ones get an npm of their time
NPM_BY_MAJOR = ((20, "10"), (18, "10"), (16, "9"), (14, "9"), (12, "8"), (0, "6"))
OWN_NPM_FROM = 22
YARN_BERRY = "@yarnpkg/cli-dist"
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
CPU = "/proc/cpuinfo"


def parts(text: str) -> dict[str, str]:
    """`node@>=20 <23 pnpm@9` as name and range; ranges have spaces too."""
    found: list[tuple[str, str]] = []
    for word in text.split(" "):
        name, separator, version = word.partition("@")
        if separator:
            found.append((name, version))
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]} {word}")
    return dict(found)


def install(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """Node, Bun or Deno in a range, at /app/.heroku/node."""
    ((name, wanted),) = parts(plan["runtime"]).items()
    base = environment(cache, variables, stack_node())
    os.makedirs(f"{NODE}/bin", exist_ok=True)
    if name != "node":
        single_file(name, wanted, NODE, base)
        return
    say.step("Installing Node.js")
    version = node(wanted, base)
    major = int(version.split(".")[0])
    if major < OWN_NPM_FROM:
        fitting = next(npm for least, npm in NPM_BY_MAJOR if major >= least)
        tool("npm", fitting, NODE, base)
    say.detail(f"Node {version}")


def tools(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """The installer of a version, at /app/.heroku/tools, run by the Node of the layer below."""
    wanted = parts(plan["runtime"])
    wanted.pop("node")
    base = environment(cache, variables, stack_node())
    os.makedirs(f"{TOOLS}/bin", exist_ok=True)
    for name, version in wanted.items():
        if name == "bun":
            single_file(name, version, TOOLS, base)
        else:
            tool(name, version, TOOLS, base)


def stack_node() -> str:
    """The folder of the stack's own Node: bin/node, lib/node_modules/npm, include/."""
    found = shutil.which("node", path="/usr/local/bin:/usr/bin")
    if found is None:
        raise Failure("this stack has no Node to begin with", "make the stack anew")
    return os.path.dirname(os.path.dirname(os.path.realpath(found)))


def npm(node: str) -> list[str]:
    """npm's argv with a Node of this folder: the npm asked for, or the one beside it."""
    program = "lib/node_modules/npm/bin/npm-cli.js"
    asked = node == NODE and os.path.isfile(f"{TOOLS}/{program}")
    return [f"{node}/bin/node", f"{TOOLS if asked else node}/{program}"]


def environment(cache: str, variables: dict[str, str], node: str) -> dict[str, str]:
    """What installers get: their caches on the app's cache mount, and no chatter."""
    path = f"{TOOLS}/bin:{node}/bin:/app/node_modules/.bin:{os.environ.get('PATH', '')}"
    given = {**os.environ, **config.exported(variables)}
    return {
        **registries(given),
        **given,
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
        "YARN_ENABLE_TELEMETRY": "0",
        "YARN_ENABLE_PROGRESS_BARS": "0",
        "YARN_HTTPS_CA_FILE_PATH": os.environ.get("NODE_EXTRA_CA_CERTS", ""),
        "BUN_INSTALL_CACHE_DIR": f"{cache}/bun",
        # the version that packageManager names is here already
        "pnpm_config_pm_on_fail": "ignore",
        "COREPACK_ENABLE_STRICT": "0",
        "DO_NOT_TRACK": "1",
    }


def registries(given: dict[str, str]) -> dict[str, str]:
    """npm's registry by the names that other installers know."""
    url = given.get("NPM_CONFIG_REGISTRY") or given.get("npm_config_registry")
    names = ("npm_config_registry", "YARN_REGISTRY", "YARN_NPM_REGISTRY_SERVER")
    return dict.fromkeys(names, url) if url else {}


def headers(node: str) -> str:
    """Where native addons find Node's headers: beside it, or the stack's for a copy of that."""
    return node if os.path.isdir(f"{node}/include/node") else stack_node()


# -- Node --------------------------------------------------------------------------------


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
    shutil.copy2(f"{stack}/bin/node", f"{NODE}/bin/node")
    copy_npm(stack)


def copy_npm(stack: str) -> None:
    shutil.copytree(f"{stack}/lib/node_modules/npm", f"{NODE}/lib/node_modules/npm", symlinks=True)
    for name in ("npm", "npx"):
        os.symlink(f"../lib/node_modules/npm/bin/{name}-cli.js", f"{NODE}/bin/{name}")


def fetch(wanted: str, valid: str, base: dict[str, str]) -> None:
    """Node from the package registry, which carries every release for each architecture."""
    folder, done = fetched(f"node-linux-{architecture()}", valid, base)
    if folder is None:
        if "ETARGET" in done.output or "E404" in done.output:
            raise Failure(
                f"there is no release of Node.js that fits engines.node {wanted!r}",
                'write a range that exists in package.json, such as "24.x"',
            )
        raise explain.npm(done.output)
    shutil.rmtree(NODE)
    shutil.move(folder, NODE)
    for name in ("share", "README.md", "CHANGELOG.md"):
        path = os.path.join(NODE, name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)
    if not os.path.exists(f"{NODE}/lib/node_modules/npm"):
        copy_npm(stack_node())


def fetched(package: str, version: str, base: dict[str, str]) -> tuple[str | None, child.Completed]:
    """The folder of a package unpacked, None when npm failed; and what npm said."""
    argv = [*npm(stack_node()), "install", "--prefix", "/tmp/fetch", "--no-save"]
    argv += ["--ignore-scripts", "--loglevel=error", f"{package}@{version}"]
    done = child.run(argv, base, "/tmp")
    return (None if done.status else f"/tmp/fetch/node_modules/{package}"), done


def architecture() -> str:
    return ARCHITECTURES.get(os.uname().machine, "x64")


# -- what installs packages --------------------------------------------------------------


def tool(name: str, version: str, prefix: str, base: dict[str, str]) -> None:
    """npm, yarn or pnpm of a version, below a prefix."""
    berry = name == "yarn" and not version.lstrip("^~=v").startswith(("1", "0"))
    package = YARN_BERRY if berry else name
    argv = [*npm(stack_node()), "install", "--global", "--prefix", prefix, "--loglevel=error"]
    if name != "pnpm":  # whose script puts its program in place
        argv.append("--ignore-scripts")
    done = child.run([*argv, "--force", f"{package}@{version}"], base, "/tmp")
    if done.status:
        raise Failure(
            f"there is no {name} {version}",
            f"correct packageManager or engines.{name} in package.json",
        )
    say.detail(f"{name} {version}")


def single_file(name: str, version: str, prefix: str, base: dict[str, str]) -> None:
    """Bun or Deno of a version: one program each; Bun's for older processors where needed."""
    say.step(f"Installing {name.capitalize()}")
    package = f"@oven/bun-linux-{architecture()}"
    if architecture() == "x64" and not has_avx2():
        package += "-baseline"
    if name == "deno":
        package = f"@deno/linux-{architecture()}-glibc"
    folder, done = fetched(package, version, base)
    if folder is None:
        if "ETARGET" in done.output or "E404" in done.output:
            raise Failure(
                f"there is no {name} {version}",
                f"correct it where it is asked for: .{name}-version, or package.json",
            )
        raise explain.npm(done.output)
    inside = f"{folder}/{name}" if name == "deno" else f"{folder}/bin/{name}"
    shutil.move(inside, f"{prefix}/bin/{name}")
    if name == "bun":
        os.symlink("bun", f"{prefix}/bin/bunx")
    _, found = child.capture([f"{prefix}/bin/{name}", "--version"], base, "/")
    say.detail(f"{name.capitalize()} {found.split()[0 if name == 'bun' else 1]}")


def has_avx2() -> bool:
    with open(CPU) as file:
        return bool(re.search(r"^flags\s*:.*\bavx2\b", file.read(), re.MULTILINE))
