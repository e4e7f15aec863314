"""Installing with uv: another Python, the dependencies, the project itself."""

import os
import re
import shutil
from typing import Any

from lifecycle import child, config, say
from lifecycle.say import Failure

from python import editable, explain, locks, manifests, version

UV = "uv"
VENV = "/app/.venv"
BUILD_SYSTEM = re.compile(r"^\s*\[build-system\]", re.MULTILINE)
# pip's settings by uv's names
PIP = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CONSTRAINT": "UV_CONSTRAINT",
    "PIP_NO_BINARY": "UV_NO_BINARY_PACKAGE",
}
# where Python comes from, when an app's own config says so
MIRRORS = ("UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL", "UV_PYPY_INSTALL_MIRROR")


def environment(cache: str, variables: dict[str, str], base: dict[str, str]) -> dict[str, str]:
    """uv's environment: the cache on its own mount, so files are copied, not linked."""
    given = {**base, **config.exported(variables)}
    return {
        **{mine: given[name] for name, mine in PIP.items() if given.get(name)},
        **given,
        "UV_CACHE_DIR": os.path.join(cache, "uv"),
        "UV_LINK_MODE": "copy",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_PREFERENCE": "only-system",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PROJECT_ENVIRONMENT": VENV,
        "VIRTUAL_ENV": VENV,
    }


def runtime(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """Another Python than the stack's, by uv's own downloads or the mirror config names."""
    wanted = plan["runtime"]
    say.step(f"Installing Python {wanted}")
    base = environment(cache, variables, dict(os.environ))
    base.update(UV_PYTHON_PREFERENCE="only-managed", UV_PYTHON_DOWNLOADS="automatic")
    folder = os.path.join("/app", version.FOLDER)
    done = child.run([UV, "python", "install", wanted, "--install-dir", folder], base, "/")
    if done.status:
        raise Failure(
            f"Python {wanted} could not be installed: {explain.last_cause(done.output)}",
            f"this stack has Python {version.STACK}: write that in .python-version, or set "
            "UV_PYTHON_INSTALL_MIRROR to a mirror that this machine reaches",
        )
    shutil.rmtree(os.path.join(folder, ".temp"), ignore_errors=True)


def dependencies(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """A virtual environment at /app/.venv with just what the key files ask for, byte-compiled.

    One that has grown holds what the last key files asked for already.
    """
    base = environment(cache, variables, dict(os.environ))
    python = version.base(plan["runtime"])
    chosen = manifests.chosen(source)
    if chosen.kind == manifests.NOTHING:
        say.step("Making a virtual environment")
    else:
        say.step(f"Installing dependencies with uv ({locks.TITLES[chosen.kind]})")
    if not plan.get("grown"):
        run([UV, "venv", "--quiet", "--python", python, VENV], base, source)
    if chosen.kind == "uv":
        sync(source, base)
    elif chosen.kind != manifests.NOTHING:
        install(locks.READERS[chosen.kind](source, base), base, source)


def sync(source: str, base: dict[str, str]) -> None:
    """What uv.lock names but for packages of the repository, whose files are not all here."""
    argv = [UV, "sync", "--locked", "--no-dev", "--compile-bytecode", "--no-install-local"]
    run(argv, base, source)


def install(requirements: str, base: dict[str, str], source: str) -> None:
    argv = [UV, "pip", "install", "--exact", "--compile-bytecode", "--requirements", requirements]
    run(argv, base, source)


def run(argv: list[str], base: dict[str, str], cwd: str) -> None:
    """Run uv; Failure in the user's words when it fails."""
    done = child.run(argv, base, cwd)
    if done.status:
        raise explain.uv(done.output)


# -- the project itself ----------------------------------------------------------------


def project(root: str, cache: str, variables: dict[str, str], base: dict[str, str]) -> None:
    """Install the app itself, in place, when its pyproject.toml says how it is built."""
    if not manifests.exists(root, "pyproject.toml") or not os.path.isdir(VENV):
        return
    built = BUILD_SYSTEM.search(manifests.read(root, "pyproject.toml"))
    locals_too = manifests.exists(root, "uv.lock") and bool(manifests.local_packages(root))
    if not built and not locals_too:
        return
    key = "" if locals_too else editable.key(root, version.wanted(root).text)
    kept = os.path.join(cache, "editable", key)
    if key and editable.restore(kept, VENV):
        return
    say.detail("installing the project itself (pyproject.toml has a [build-system])")
    argv = [UV, "pip", "install", "--quiet", "--no-deps", "--editable", "."]
    if manifests.exists(root, "uv.lock"):
        argv = [UV, "sync", "--quiet", "--locked", "--no-dev", "--inexact"]
    run(argv, environment(cache, variables, base), root)
    if key:
        editable.keep(kept, VENV)
