"""What the tests of the Node packs share: manifests, lock files made by the real tools."""

import json
import os

from tests.buildpacks.sandbox import Built, Sandbox
from tests.buildpacks.tools import tool

SERVER = """
require("http").createServer((q, r) => r.end("hello " + process.version)).listen(process.env.PORT);
"""
LOCKS = ("package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock")
NPM = "npm install --package-lock-only --ignore-scripts --silent"
YARN = "touch yarn.lock && npx --yes yarn@1.22.22 install --ignore-scripts --silent"
BERRY = (
    "export YARN_ENABLE_IMMUTABLE_INSTALLS=0 && touch yarn.lock && "
    "npx --yes --package @yarnpkg/cli-dist@4.9.2 yarn install --mode=update-lockfile"
)
PNPM = "npx --yes pnpm@10.12.1 install --lockfile-only --store-dir /cache/pnpm"
BUN = (
    "npm install --silent --no-save --prefix /tmp/b --ignore-scripts @oven/bun-linux-x64@1 && "
    "/tmp/b/node_modules/@oven/bun-linux-x64/bin/bun install --lockfile-only"
)


# lock files by what they were made from: the registry need not be asked twice
MADE: dict[tuple[object, ...], dict[str, str]] = {}


def package(**fields: object) -> str:
    return json.dumps({"name": "sample", "version": "1.0.0", **fields})


def locked(sandbox: Sandbox, document: str, *commands: str, **others: str) -> dict[str, str]:
    """package.json, a server, other files, and the lock file that commands make of them."""
    key = (document, commands, tuple(sorted(others.items())))
    if key not in MADE:
        MADE[key] = make_locks(sandbox, {"package.json": document, **others}, commands or (NPM,))
    return {"server.js": SERVER, "package.json": document, **others, **MADE[key]}


def make_locks(
    sandbox: Sandbox, files: dict[str, str], commands: tuple[str, ...]
) -> dict[str, str]:
    setting = "export npm_config_omit_lockfile_registry_resolved=true HOME=/tmp"
    made = tool(sandbox, files, setting, *commands)
    locks = {name: (made / name).read_text() for name in LOCKS if (made / name).is_file()}
    assert locks
    return locks


def modules(built: Built) -> list[str]:
    """Names of the packages in the image."""
    folder = built.layers[1] / "app/node_modules"
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))
