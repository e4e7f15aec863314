"""go.mod and go.work: what they ask for (https://go.dev/ref/mod, https://go.dev/doc/toolchain)."""

import os
import re

from lifecycle.say import Failure
from lifecycle.text import read

FILES = ("go.work", "go.mod")
GO = re.compile(r"^go[ \t]+(\S+)", re.MULTILINE)
TOOLCHAIN = re.compile(r"^toolchain[ \t]+go(\S+)", re.MULTILINE)
MODULE = re.compile(r"^module[ \t]+\"?([^\s\"]+)", re.MULTILINE)
VERSION = re.compile(r"1\.(\d+)(?:\.(\d+))?((?:rc|beta)\d+)?")
# from here on a Go knows that a module may want another one, and fetches it
OLDEST = 21
# with one of these, a stray Go file does not make it a Go app
OTHERS = (
    "Procfile",
    "package.json",
    "Cargo.toml",
    "pom.xml",
    "Gemfile",
    "composer.json",
    "index.html",
)
STABLE = "stable"


class Toolchain:
    """A Go to build with: its version as text, and what asks for it.

    text is `1.24.5`, exactly that; `1.24.5+`, the newest of its minor version that is not
    older; or `stable`, the newest of all.
    """

    def __init__(self, text: str, why: str) -> None:
        self.text = text
        self.why = why


def seen(root: str) -> list[str]:
    """The files by which an app is a Go app."""
    found = [name for name in FILES if os.path.isfile(os.path.join(root, name))]
    return found or ([name] if (name := lone_program(root)) else [])


def lone_program(root: str) -> str:
    """A Go program without a module, in a repository that nothing else says the language of."""
    if any(os.path.isfile(os.path.join(root, name)) for name in OTHERS):
        return ""
    names = sorted(item.name for item in os.scandir(root) if item.is_file(follow_symlinks=False))
    return next((name for name in names if name.endswith(".go")), "")


def name(root: str) -> str:
    """The module's path; "" for a workspace of several."""
    match = MODULE.search(read(root, "go.mod"))
    return match[1] if match else ""


def toolchain(root: str, config: dict[str, str]) -> Toolchain:
    """The Go that config names, else the one go.work or go.mod ask for. Failure when unreadable."""
    for variable in ("GOTOOLCHAIN", "GOVERSION"):
        value = config.get(variable, "").strip().partition("+")[0]
        if value not in ("", "local", "auto", "path"):
            return Toolchain(exact(value, variable), f"from {variable}")
    for file in FILES:
        text = read(root, file)
        if match := TOOLCHAIN.search(text) or GO.search(text):
            return at_least(match[1], file)
    return Toolchain(STABLE, "the newest; a go line in go.mod would choose")


def exact(text: str, variable: str) -> str:
    """A version with its patch number, or a minor version, of which the newest is meant."""
    number = text.removeprefix("go")
    match = VERSION.fullmatch(number)
    if match is None:
        raise Failure(
            f"{variable} is {text[:80]!r}, which is not a version of Go",
            "set it to a version such as 1.25.4, or unset it",
        )
    return number if match[2] or match[3] else f"{number}+"


def at_least(number: str, file: str) -> Toolchain:
    """The newest of the minor version asked for: it has the fixes, and keeps what was promised."""
    match = VERSION.fullmatch(number.partition("-")[0])
    if match is None:
        raise Failure(
            f"{file} asks for Go {number[:80]!r}, which is not a version of Go",
            "write a line such as: go 1.25.0",
        )
    if match[3]:
        return Toolchain(number, f"from {file}")
    if int(match[1]) < OLDEST:
        return Toolchain(STABLE, f"the newest, which builds what {file} asks for: {number}")
    return Toolchain(f"{number}+", f"from {file}")
