"""Which files say what an app depends on, and everything those files refer to."""

import os
import re

from lifecycle import config, say
from lifecycle.say import Failure

NOTHING = "nothing"
WHOLE_TREE = ["."]
# by precedence: a lock file beats what it was made from; the first two beat requirements.txt
LOCKED = (
    ("uv", "uv.lock", ["pyproject.toml", "uv.lock"]),
    ("poetry", "poetry.lock", ["pyproject.toml", "poetry.lock", "poetry.toml"]),
    ("pipenv", "Pipfile.lock", ["Pipfile.lock"]),
    ("requirements", "requirements.txt", ["requirements.txt"]),
    ("project", "pyproject.toml", ["pyproject.toml"]),
)
INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)[ =]*(\S+)")
LOCAL = re.compile(
    r"(?:(?:-e|--editable)[ =]*)?(?:\.{1,2}(?:/\S*)?|\S+ *@ *file:\S+|file:\S+)(?:\[.*\])?\s*"
)
PROJECT = re.compile(r"^\s*\[(project|tool\.poetry)\]", re.MULTILINE)
# a project that installs itself from a path of the repository needs the whole of it
LOCAL_SOURCE = re.compile(
    r"""\b(?:path|editable|directory)\s*=\s*["'](?!\.["'])[^"']+["']|\bworkspace\s*=\s*true"""
)


class Source:
    """Where dependencies come from: the tool's kind, its key files, variables they name."""

    def __init__(self, kind: str, files: list[str], variables: list[str]) -> None:
        self.kind = kind
        self.files = files
        self.variables = variables


def seen(root: str) -> list[str]:
    """The files by which an app is a Python app, in order of precedence."""
    found = [name for _, name, _ in LOCKED[:4] if exists(root, name)]
    if exists(root, "pyproject.toml") and (found or PROJECT.search(read(root, "pyproject.toml"))):
        found.append("pyproject.toml")
    return found or [name for name in ("Pipfile", "manage.py") if exists(root, name)]


def chosen(root: str) -> Source:
    """The one source of dependencies; Failure when it cannot serve."""
    found = seen(root)
    if found == ["Pipfile"]:
        raise Failure(
            "there is a Pipfile, but no Pipfile.lock",
            "run pipenv lock, and commit Pipfile.lock",
        )
    warn_of_environments(root)
    for kind, name, files in LOCKED:
        if name in found:
            return source(root, kind, files)
    say.detail("no dependencies: there is no requirements.txt")
    return Source(NOTHING, [], [])


def source(root: str, kind: str, files: list[str]) -> Source:
    if kind == "uv" and not exists(root, "pyproject.toml"):
        raise Failure("there is a uv.lock, but no pyproject.toml", "commit pyproject.toml too")
    if kind == "requirements":
        files = with_includes(root, "requirements.txt")
    elif exists(root, "pyproject.toml") and LOCAL_SOURCE.search(read(root, "pyproject.toml")):
        files = WHOLE_TREE
    present = [name for name in [*files, "uv.toml"] if name == "." or exists(root, name)]
    if kind == "requirements" and present != WHOLE_TREE and uses_uv_settings(root):
        present.append("pyproject.toml")
    if "." in present:
        say.detail("dependencies come from this repository too: installed anew on every push")
        return Source(kind, WHOLE_TREE, [])
    return Source(kind, present, config.references(root, present))


def uses_uv_settings(root: str) -> bool:
    return exists(root, "pyproject.toml") and "[tool.uv" in read(root, "pyproject.toml")


def with_includes(root: str, first: str) -> list[str]:
    """A requirements file and all it includes; the whole tree when one names a local path."""
    found: list[str] = []
    waiting = [first]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.append(name)
        for line in read(root, name).replace("\\\n", " ").splitlines():
            text = line.split(" #")[0].strip()
            if match := INCLUDE.match(text):
                waiting.append(included(root, name, match[1]))
            elif LOCAL.fullmatch(text) and not text.startswith("#"):
                return WHOLE_TREE
    return found


def included(root: str, by: str, target: str) -> str:
    """The path of an included file, relative to the root."""
    path = os.path.normpath(os.path.join(os.path.dirname(by), target))
    if path.startswith(("../", "/")) or not exists(root, path):
        raise Failure(f"{by} includes {target}, which is not in the repository", "commit that file")
    return path


def warn_of_environments(root: str) -> None:
    """A virtual environment in the repository is dead weight, and its paths are wrong here."""
    for item in os.scandir(root):
        if item.name != ".venv" and os.path.isfile(os.path.join(item.path, "pyvenv.cfg")):
            say.warning(f"{item.name}/ is a virtual environment of another machine: not used")
            say.warning(f"remove it: git rm -r --cached {item.name}, and name it in .gitignore")


def exists(root: str, name: str) -> bool:
    return os.path.isfile(os.path.join(root, name))


def read(root: str, name: str) -> str:
    with open(os.path.join(root, name), encoding="utf-8-sig", errors="replace") as file:
        return file.read()
