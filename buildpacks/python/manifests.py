"""Which files say what an app depends on, and everything those files refer to."""

import os
import re

from lifecycle import config, say
from lifecycle.say import Failure

NOTHING = "nothing"
WHOLE_TREE = ["."]
# by precedence: a lock file beats what it was made from; the locks beat requirements.txt
LOCKED = (
    ("uv", "uv.lock", ["pyproject.toml", "uv.lock"]),
    ("poetry", "poetry.lock", ["pyproject.toml", "poetry.lock", "poetry.toml"]),
    ("pdm", "pdm.lock", ["pyproject.toml", "pdm.lock", "pdm.toml"]),
    ("pylock", "pylock.toml", ["pylock.toml"]),
    ("pipenv", "Pipfile.lock", ["Pipfile.lock"]),
    ("requirements", "requirements.txt", ["requirements.txt"]),
    ("project", "pyproject.toml", ["pyproject.toml"]),
    ("setup", "setup.py", WHOLE_TREE),
)
LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
FILES = tuple(name for _, name, _ in LOCKED if name not in ("pyproject.toml", "setup.py"))
INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)[ =]*(\S+)")
LINKS = re.compile(r"(?:-f|--find-links)[ =]*(\S+)")
# `-e ./lib[extra]`, `./wheels/x.whl`, `x @ file:lib`: group 1 or 2 is the path
LOCAL = re.compile(
    r"(?:(?:-e|--editable)[ =]*)?(?:(\.{1,2}(?:/[^\s\[;]*)?)|(?:[\w.-]+(?:\[[^\]]*\])? *@ *)?"
    r"file:(?://)?([^\s;]+))(?:\[.*\])?\s*(?:;.*)?"
)
PROJECT = re.compile(r"^\s*\[(project|tool\.poetry)\]", re.MULTILINE)
# packages that uv.lock takes from the repository itself
OF_REPOSITORY = re.compile(
    r"^source = \{ (?:editable|virtual|directory) = \"([^\"]+)\" \}", re.MULTILINE
)
FILE_OF_REPOSITORY = re.compile(r"^source = \{ path = \"([^\"]+)\" \}", re.MULTILINE)
# a poetry or pdm project that needs a path of the repository
LOCAL_SOURCE = re.compile(r"""\b(?:path|file)\s*=\s*["'](?!\.["'])[^"']+["']|@\s*file:""")


class Source:
    """Where dependencies come from: the tool's kind, its key files, variables they name."""

    def __init__(self, kind: str, files: list[str], variables: list[str]) -> None:
        self.kind = kind
        self.files = files
        self.variables = variables


def seen(root: str) -> list[str]:
    """The files by which an app is a Python app, in order of precedence."""
    found = [name for name in FILES if exists(root, name)]
    if exists(root, "pyproject.toml") and (found or PROJECT.search(read(root, "pyproject.toml"))):
        found.append("pyproject.toml")
    others = ("Pipfile", "setup.py", "manage.py")
    return found or [name for name in others if exists(root, name)][:1]


def chosen(root: str) -> Source:
    """The one source of dependencies; Failure when it cannot serve."""
    found = seen(root)
    if found == ["Pipfile"]:
        raise Failure(
            "there is a Pipfile, but no Pipfile.lock",
            "run pipenv lock, and commit Pipfile.lock",
        )
    refuse_several(found)
    warn_of_environments(root)
    for kind, name, files in LOCKED:
        if name in found:
            return source(root, kind, files)
    say.detail("no dependencies: there is no requirements.txt")
    return Source(NOTHING, [], [])


def refuse_several(found: list[str]) -> None:
    """Two tools' lock files say two things, and one of them is stale."""
    locks = [name for name in LOCKS if name in found]
    if len(locks) > 1:
        raise Failure(
            f"there are lock files of {len(locks)} tools: {', '.join(locks)}",
            "keep the one you use, and remove the other with git rm",
        )


def source(root: str, kind: str, files: list[str]) -> Source:
    """The key files of a kind of source, and the config vars they name."""
    if kind in ("uv", "poetry", "pdm") and not exists(root, "pyproject.toml"):
        lock = next(name for known, name, _ in LOCKED if known == kind)
        raise Failure(f"there is a {lock}, but no pyproject.toml", "commit pyproject.toml too")
    if kind == "requirements":
        files = with_includes(root, "requirements.txt")
    elif kind == "uv":
        files = [*files, *members(root)]
    elif kind in ("poetry", "pdm", "project") and LOCAL_SOURCE.search(read(root, "pyproject.toml")):
        files = WHOLE_TREE
    present = [
        name for name in [*files, "uv.toml"] if name.endswith(("/", ".")) or exists(root, name)
    ]
    if kind == "requirements" and present != WHOLE_TREE and uses_uv_settings(root):
        present.append("pyproject.toml")
    if "." in present:
        say.detail("dependencies come from this repository too: installed anew on every push")
        return Source(kind, WHOLE_TREE, [])
    named = [name for name in present if not name.endswith(("/", ".whl", ".gz", ".zip"))]
    return Source(kind, present, config.references(root, named))


def uses_uv_settings(root: str) -> bool:
    return exists(root, "pyproject.toml") and "[tool.uv" in read(root, "pyproject.toml")


# -- what uv.lock takes from the repository ------------------------------------------------


def local_packages(root: str) -> list[str]:
    """Folders of the repository, beside the project itself, that uv.lock takes packages from."""
    return sorted({path for path in OF_REPOSITORY.findall(read(root, "uv.lock")) if path != "."})


def members(root: str) -> list[str]:
    """What must be there for uv to take its lock file: the members' manifests, local archives."""
    manifests = [
        os.path.join(folder, name)
        for folder in local_packages(root)
        for name in ("pyproject.toml", "setup.py", "setup.cfg")
    ]
    archives = FILE_OF_REPOSITORY.findall(read(root, "uv.lock"))
    return [name for name in [*manifests, *archives] if exists(root, name)]


# -- what requirements refer to ------------------------------------------------------------


def with_includes(root: str, first: str) -> list[str]:
    """A requirements file, all it includes, and the paths of the repository it names."""
    found: list[str] = []
    paths: list[str] = []
    waiting = [first]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.append(name)
        for text in lines(root, name):
            if match := INCLUDE.match(text):
                waiting.append(included(root, name, match[1]))
            elif (match := LINKS.match(text)) and "://" not in match[1]:
                paths.append(path_of(root, name, text, match[1]))
            elif match := LOCAL.fullmatch(text):
                paths.append(path_of(root, name, text, match[1] or match[2]))
    return WHOLE_TREE if "." in paths else found + sorted(set(paths))


def lines(root: str, name: str) -> list[str]:
    """The requirements of a file, comments and continued lines resolved."""
    refuse_utf16(root, name)
    text = read(root, name).replace("\\\n", " ")
    found = [line.split(" #")[0].strip() for line in text.splitlines()]
    return [line for line in found if line and not line.startswith("#")]


def refuse_utf16(root: str, name: str) -> None:
    """What PowerShell's > writes looks like text everywhere but here."""
    with open(os.path.join(root, name), "rb") as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            raise Failure(
                f"{name} is written in UTF-16, as PowerShell's > does",
                f"save it as UTF-8: pip freeze | Out-File -Encoding utf8 {name}",
            )


def included(root: str, by: str, target: str) -> str:
    """The path of an included file, relative to the root."""
    path = os.path.normpath(os.path.join(os.path.dirname(by), target))
    if path.startswith(("../", "/")) or not exists(root, path):
        raise Failure(f"{by} includes {target}, which is not in the repository", "commit that file")
    return path


def path_of(root: str, by: str, text: str, target: str) -> str:
    """The path a line names, relative to the root (uv takes it so): a folder ends with a slash."""
    path = os.path.normpath(target)
    if path == ".":
        return path
    full = os.path.join(root, path)
    if path.startswith(("../", "/")) or not os.path.exists(full):
        raise Failure(
            f"{by} names {target[:200]}, which is not in the repository",
            f"replace the line {text[:100]!r} by the name and version of a release"
            if "@" in text
            else "commit it, or correct the path",
        )
    return f"{path}/" if os.path.isdir(full) else path


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
