"""Other tools' lock files as requirements that uv installs: poetry's, pipenv's, pdm's."""

import json
import re
from typing import Any

from lifecycle import child, say
from lifecycle.say import Failure

from python import explain, manifests

REQUIREMENTS = "/tmp/requirements.txt"
POETRY = ("poetry>=2,<3", "poetry-plugin-export>=1.9")


def from_requirements(source: str, base: dict[str, str]) -> str:
    return "requirements.txt"


def from_project(source: str, base: dict[str, str]) -> str:
    say.detail("there is no lock file: versions may change with every build (uv lock makes one)")
    return "pyproject.toml"


def from_setup(source: str, base: dict[str, str]) -> str:
    say.detail("dependencies come from setup.py, which knows no lock file")
    return written(["-e ."])


def from_pylock(source: str, base: dict[str, str]) -> str:
    """The standard lock file (PEP 751), which uv reads itself."""
    return "pylock.toml"


def written(lines: list[str]) -> str:
    """A requirements file with these lines."""
    with open(REQUIREMENTS, "w") as file:
        file.write("\n".join(lines) + "\n")
    return REQUIREMENTS


# -- poetry --------------------------------------------------------------------------------


def from_poetry(source: str, base: dict[str, str]) -> str:
    """poetry.lock by poetry itself, which uv runs from its cache."""
    argv = ["uv", "tool", "run", "--quiet", "--from", POETRY[0], "--with", POETRY[1]]
    argv += ["poetry", "export", "--format", "requirements.txt", "--output", REQUIREMENTS]
    # not the environment being made: poetry would inspect it
    quiet = {key: value for key, value in base.items() if key != "VIRTUAL_ENV"}
    folders = {"POETRY_CACHE_DIR": "/tmp/poetry", "POETRY_VIRTUALENVS_CREATE": "false"}
    done = child.run(argv, {**quiet, **folders}, source)
    if done.status:
        raise explain.poetry(done.output)
    return REQUIREMENTS


# -- pipenv --------------------------------------------------------------------------------


def from_pipenv(source: str, base: dict[str, str]) -> str:
    """Pipfile.lock as requirements; its format is documented at pipfile's repository (v6)."""
    try:
        locked = json.loads(manifests.read(source, "Pipfile.lock"))
        lines = [pipenv_line(*item) for item in locked["default"].items()]
        return written([pipenv_index(locked), *lines])
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise Failure(
            f"Pipfile.lock cannot be read: {error}", "run pipenv lock and commit it again"
        ) from error


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


# -- pdm -----------------------------------------------------------------------------------


def from_pdm(source: str, base: dict[str, str]) -> str:
    """pdm.lock as requirements (lock_version 4.4 and later, its default strategy)."""
    import tomllib  # noqa: PLC0415 - apps of other tools need not pay

    try:
        locked = tomllib.loads(manifests.read(source, "pdm.lock"))
        project = tomllib.loads(manifests.read(source, "pyproject.toml"))
    except ValueError as error:
        raise Failure(f"pdm.lock or pyproject.toml cannot be read: {error}", RELOCK) from error
    packages = [one for one in locked.get("package", []) if isinstance(one, dict)]
    if "inherit_metadata" not in locked.get("metadata", {}).get("strategy", []):
        raise Failure(
            "pdm.lock does not say which packages are for production",
            "run pdm lock --strategy inherit_metadata, and commit pdm.lock",
        )
    wanted = [one for one in packages if "default" in one.get("groups", [])]
    asked = project.get("project", {}).get("dependencies", [])
    refuse_missing(asked, {normalized(str(one.get("name"))) for one in wanted})
    try:
        return written([*constraints(asked), *(pdm_line(one) for one in wanted)])
    except (KeyError, TypeError) as error:
        raise Failure(f"pdm.lock cannot be read: {error}", RELOCK) from error


RELOCK = "run pdm lock, and commit pdm.lock"


def refuse_missing(asked: list[str], names: set[str]) -> None:
    """Failure when the project asks for a package that was never locked."""
    for text in asked:
        name = re.match(r"[\w.-]+", text)
        if name and normalized(name[0]) not in names:
            raise Failure("pdm.lock does not fit pyproject.toml", RELOCK)


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints(asked: list[str]) -> list[str]:
    """What pyproject.toml asks for, so that uv refuses a lock that contradicts it."""
    plain = [re.sub(r"\[[^\]]*\]", "", text) for text in asked if "@" not in text]
    with open("/tmp/constraints.txt", "w") as file:
        file.write("\n".join(plain) + "\n")
    return ["-c /tmp/constraints.txt"]


def pdm_line(entry: dict[str, Any]) -> str:
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    name = f"{entry['name']}{extras}"
    marker = f" ; {entry['marker']}" if entry.get("marker") else ""
    if "git" in entry:
        return f"{name} @ git+{entry['git']}@{entry['revision']}{marker}"
    if "url" in entry:
        return f"{name} @ {entry['url']}{marker}"
    if "path" in entry:
        return f"{'-e ' if entry.get('editable') else ''}{entry['path']}"
    hashes = "".join(f" --hash={one['hash']}" for one in entry.get("files", ()))
    return f"{name}=={entry['version']}{marker}{hashes}"


READERS = {
    "requirements": from_requirements,
    "project": from_project,
    "setup": from_setup,
    "pylock": from_pylock,
    "poetry": from_poetry,
    "pipenv": from_pipenv,
    "pdm": from_pdm,
}
TITLES = {
    "uv": "uv.lock",
    "requirements": "requirements.txt",
    "project": "pyproject.toml",
    "setup": "setup.py",
    "pylock": "pylock.toml",
    "poetry": "poetry.lock",
    "pipenv": "Pipfile.lock",
    "pdm": "pdm.lock",
}
