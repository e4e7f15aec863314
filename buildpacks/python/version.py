"""Which Python an app asks for, and where: a version file, or what the project requires."""

import json
import os
import re
import sys

from lifecycle import say
from lifecycle.say import Failure

STACK = f"{sys.version_info.major}.{sys.version_info.minor}"
STACK_PATCH = f"{STACK}.{sys.version_info.micro}"
FOLDER = ".heroku/python"
VERSION = re.compile(r"(\d+)\.(\d+)(\.\d+)?")
# minor versions that a range may choose from, beside the stack's: those with security fixes
OTHERS = ("3.14", "3.12", "3.11", "3.10")
TOOLS = re.compile(r"^\s*python\s+(\d+\.\d+(?:\.\d+)?)\b", re.MULTILINE)
REQUIRES = (
    re.compile(r"^\s*requires-python\s*=\s*[\"']([^\"']+)[\"']", re.MULTILINE),
    re.compile(
        r"^\[tool\.poetry\.dependencies\][^\[]*?^python\s*=\s*[\"']([^\"']+)[\"']", re.MULTILINE
    ),
)
CLAUSE = re.compile(r"(===|==|~=|!=|>=|<=|>|<|\^|~)?\s*v?(\d+(?:\.\d+){0,2})(\.\*)?")


class Wanted:
    """A version such as 3.13 or 3.12.4, and the file that asks for it, if any."""

    def __init__(self, text: str, file: str) -> None:
        self.full = text
        self.file = file
        self.minor = ".".join(text.split(".")[:2])
        self.in_stack = self.minor == STACK
        # patch releases of the stack's own version follow the stack
        self.text = STACK if self.in_stack else text


def wanted(root: str) -> Wanted:
    """The version asked for; the stack's when none is. Failure when it cannot be read."""
    for name in (".python-version", "runtime.txt"):
        path = os.path.join(root, name)
        if not os.path.isfile(path):
            continue
        lines = [line.split("#")[0].strip() for line in text(root, name).split("\n")]
        return Wanted(parsed(next((line for line in lines if line), ""), name), name)
    if match := TOOLS.search(text(root, ".tool-versions")):
        return Wanted(match[1], ".tool-versions")
    if found := of_pipfile(root):
        return Wanted(found, "Pipfile.lock")
    if found := of_project(root):
        return Wanted(found, "pyproject.toml")
    return Wanted(STACK, "")


def text(root: str, name: str) -> str:
    try:
        with open(os.path.join(root, name), encoding="utf-8-sig", errors="replace") as file:
            return file.read(4 << 20)
    except (FileNotFoundError, IsADirectoryError):
        return ""


def parsed(text: str, name: str) -> str:
    number = text.removeprefix("python-").removeprefix("cpython-")
    if number == "3":
        return STACK
    if not VERSION.fullmatch(number):
        raise Failure(
            f"{name} says {text[:80]!r}, which is not a Python version",
            f"write a version such as {STACK} on its only line",
        )
    return number


def of_pipfile(root: str) -> str:
    """The version that Pipfile.lock was made for, when it says."""
    try:
        requires = json.loads(text(root, "Pipfile.lock"))["_meta"]["requires"]
        found = str(requires.get("python_full_version") or requires.get("python_version") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return found if VERSION.fullmatch(found) else ""


def of_project(root: str) -> str:
    """The version that fits pyproject.toml's range: "" for the stack's, where it fits."""
    document = text(root, "pyproject.toml")
    asked = next((match[1] for one in REQUIRES if (match := one.search(document))), "")
    if not asked or fits(STACK, asked):
        return ""
    exact = re.fullmatch(r"={0,3}\s*(\d+\.\d+\.\d+)", asked.strip())
    if exact:
        return exact[1]
    return next((minor for minor in OTHERS if fits(minor, asked)), "")


def fits(minor: str, asked: str) -> bool:
    """Whether some patch release of a minor version is in a range of PEP 440 or poetry."""
    return any(
        all(clause_fits(minor, match) for match in CLAUSE.finditer(part))
        for part in asked.split("||")
    )


def clause_fits(minor: str, match: re.Match[str]) -> bool:
    """One comparison; the first or the last patch release of the minor version stands for it."""
    operator, wild = match[1] or "==", bool(match[3])
    number = tuple(map(int, match[2].split(".")))
    whole = (*number, 0, 0)[:3]
    least = (*map(int, minor.split(".")), 0)
    most = (*least[:2], 99)
    shorter = wild or len(number) < 3
    equal = least[: min(len(number), 2)] == number[:2] if shorter else least <= whole <= most
    if operator in ("~=", "^", "~"):
        # up to the next major for ^3.10 and ~=3.10, the next minor for ~3.10 and ~=3.10.1
        by_minor = len(number) == 3 if operator == "~=" else operator == "~" and len(number) > 1
        return most >= whole and least[: 2 if by_minor else 1] == number[: 2 if by_minor else 1]
    return {
        "==": equal,
        "===": equal,
        "!=": not (equal and shorter),
        ">=": most >= whole,
        ">": most > whole,
        "<=": least <= whole,
        "<": least < whole,
    }[operator]


def say_which(root: str) -> None:
    """One line on the Python in use and why."""
    choice = wanted(root)
    why = f"from {choice.file}" if choice.file else "the stack's; .python-version would choose"
    say.detail(f"Python {STACK_PATCH if choice.in_stack else choice.text} ({why})")
    if choice.in_stack and choice.full.count(".") == 2 and choice.full != STACK_PATCH:
        say.detail(f"{choice.file} asks for {choice.full}; the stack has {STACK_PATCH}")


def interpreter(root: str) -> str:
    """The app's Python: its virtual environment's, else the stack's."""
    path = os.path.join(root, ".venv/bin/python")
    return path if os.path.exists(path) else "/usr/bin/python3"


def base(choice: str) -> str:
    """The Python that a virtual environment is made from: the stack's, or the runtime layer's."""
    if choice == STACK:
        return "/usr/bin/python3"
    folder = os.path.join("/app", FOLDER)
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = os.path.join(folder, name, "bin/python3")
        if name.startswith("cpython-") and os.path.exists(path):
            return path
    raise Failure(f"Python {choice} is not installed in the layer that should have it")
