"""Installing with uv: another Python, the dependencies, the project itself."""

import json
import os
import re
import shutil
from typing import Any

from lifecycle import child, config, say
from lifecycle.say import Failure

from python import explain, manifests, version

UV = "uv"
VENV = "/app/.venv"
POETRY = ("poetry>=2,<3", "poetry-plugin-export>=1.9")
BUILD_SYSTEM = re.compile(r"^\s*\[build-system\]", re.MULTILINE)


def environment(cache: str, variables: dict[str, str], base: dict[str, str]) -> dict[str, str]:
    """uv's environment: the cache on its own mount, so files are copied, not linked."""
    return {
        **base,
        **config.exported(variables),
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
        say.step(f"Installing dependencies with uv ({TITLES[chosen.kind]})")
    if not plan.get("grown"):
        run([UV, "venv", "--quiet", "--python", python, VENV], base, source)
    if chosen.kind == "uv":
        sync(source, base)
    elif chosen.kind != manifests.NOTHING:
        install(REQUIREMENTS[chosen.kind](source, base), base, source)


def sync(source: str, base: dict[str, str]) -> None:
    argv = [UV, "sync", "--locked", "--no-dev", "--no-install-project", "--compile-bytecode"]
    run([*argv, "--no-install-workspace"], base, source)


def install(requirements: str, base: dict[str, str], source: str) -> None:
    argv = [UV, "pip", "install", "--exact", "--compile-bytecode", "--requirements", requirements]
    run(argv, base, source)


def run(argv: list[str], base: dict[str, str], cwd: str) -> None:
    """Run uv; Failure in the user's words when it fails."""
    done = child.run(argv, base, cwd)
    if done.status:
        raise explain.uv(done.output)


# -- other tools' lock files -----------------------------------------------------------


def from_requirements(source: str, base: dict[str, str]) -> str:
    return "requirements.txt"


def from_project(source: str, base: dict[str, str]) -> str:
    say.detail("there is no lock file: versions may change with every build (uv lock makes one)")
    return "pyproject.toml"


def from_poetry(source: str, base: dict[str, str]) -> str:
    """poetry.lock by poetry itself, which uv runs from its cache."""
    path = "/tmp/requirements.txt"
    argv = [UV, "tool", "run", "--quiet", "--from", POETRY[0], "--with", POETRY[1]]
    argv += ["poetry", "export", "--format", "requirements.txt", "--output", path]
    # not the environment being made: poetry would inspect it
    quiet = {key: value for key, value in base.items() if key != "VIRTUAL_ENV"}
    folders = {"POETRY_CACHE_DIR": "/tmp/poetry", "POETRY_VIRTUALENVS_CREATE": "false"}
    done = child.run(argv, {**quiet, **folders}, source)
    if done.status:
        raise explain.poetry(done.output)
    return path


def from_pipenv(source: str, base: dict[str, str]) -> str:
    """Pipfile.lock as requirements; its format is documented at pipfile's repository (v6)."""
    path = "/tmp/requirements.txt"
    try:
        locked = json.loads(manifests.read(source, "Pipfile.lock"))
        lines = [pipenv_index(locked), *(pipenv_line(*item) for item in locked["default"].items())]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise Failure(
            f"Pipfile.lock cannot be read: {error}", "run pipenv lock and commit it again"
        ) from error
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")
    return path


def pipenv_index(locked: dict[str, Any]) -> str:
    """The first source as index, unless it is the public one everybody has."""
    sources = [item["url"] for item in locked["_meta"].get("sources", ())]
    own = [url for url in sources if not re.match(r"https://pypi\.(org|python\.org)/", url)]
    flags = "--index-url" if len(own) == len(sources) else "--extra-index-url"
    return "\n".join(f"{flags} {url}" for url in own)


def pipenv_line(name: str, entry: dict[str, Any]) -> str:
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    marker = f" ; {entry['markers']}" if entry.get("markers") else ""
    if "git" in entry:
        return f"{name}{extras} @ git+{entry['git']}@{entry['ref']}{marker}"
    if "file" in entry:
        return f"{name}{extras} @ {entry['file']}{marker}"
    if "version" not in entry:
        raise ValueError(f"{name} has no version")
    hashes = "".join(f" --hash={value}" for value in entry.get("hashes", ()))
    return f"{name}{extras}{entry['version']}{marker}{hashes}"


REQUIREMENTS = {
    "requirements": from_requirements,
    "project": from_project,
    "poetry": from_poetry,
    "pipenv": from_pipenv,
}
TITLES = {
    "uv": "uv.lock",
    "requirements": "requirements.txt",
    "project": "pyproject.toml",
    "poetry": "poetry.lock",
    "pipenv": "Pipfile.lock",
}


# -- the project itself ----------------------------------------------------------------


def project(root: str, cache: str, variables: dict[str, str], base: dict[str, str]) -> None:
    """Install the app itself, in place, when its pyproject.toml says how it is built."""
    if not manifests.exists(root, "pyproject.toml") or not os.path.isdir(VENV):
        return
    if not BUILD_SYSTEM.search(manifests.read(root, "pyproject.toml")):
        return
    say.detail("installing the project itself (pyproject.toml has a [build-system])")
    argv = [UV, "pip", "install", "--quiet", "--no-deps", "--editable", "."]
    run(argv, environment(cache, variables, base), root)
