"""Which packages are programs: those that settings name, else main packages where Go has them."""

import os
import re

from lifecycle.say import Failure
from lifecycle.text import read

SETTING = "GO_INSTALL_PACKAGE_SPEC"
# Heroku's comment in go.mod
COMMENT = re.compile(r"^//\s*\+heroku\s+install\s+(.+)$", re.MULTILINE)
MAIN = re.compile(r"^package[ \t]+main\b", re.MULTILINE)
IGNORED = re.compile(r"^//(?:go:build|[ \t]*\+build)[ \t]+ignore\b", re.MULTILINE)
PATTERN = re.compile(r"[\w@~+][\w./@~+-]*|\.{1,2}(?:/[\w./@~+-]*)?")
LEFT_OUT = {"vendor", "testdata", "node_modules"}
HEAD_BYTES = 1 << 16


def chosen(root: str, config: dict[str, str]) -> list[str]:
    """Packages as go build takes them: `.`, `./cmd/web`, `./cmd/...`. Failure when unclear."""
    named = config.get(SETTING, "").split()
    if not named and (match := COMMENT.search(read(root, "go.mod"))):
        named = match[1].split()
    if named:
        return [checked(pattern) for pattern in named]
    found = conventional(root) or elsewhere(root)
    if not found:
        raise Failure(
            "there is no main package, so nothing to run",
            "a program has `package main` and `func main()`: put one beside go.mod or in "
            f"cmd/<name>, or name its package with {SETTING}",
        )
    return found


def checked(pattern: str) -> str:
    if not PATTERN.fullmatch(pattern):
        raise Failure(
            f"{SETTING} names {pattern[:80]!r}, which is not a package", "write ./cmd/web, say"
        )
    return pattern


def conventional(root: str) -> list[str]:
    """The module's own folder, and those below cmd/."""
    commands = os.path.join(root, "cmd")
    names = sorted(os.listdir(commands)) if os.path.isdir(commands) else []
    below = [f"./cmd/{name}" for name in names if is_main(os.path.join(commands, name))]
    return ["."] * is_main(root) + below


def elsewhere(root: str) -> list[str]:
    """The only main package in any other place; Failure naming them when there are several."""
    found = [f"./{path}" for path in below(root, "") if is_main(os.path.join(root, path))]
    if len(found) > 1:
        raise Failure(
            f"there are several main packages: {', '.join(found[:10])}",
            f"choose with config:set <app> {SETTING}={found[0]}, or move them to cmd/<name>",
        )
    return found


def below(root: str, folder: str) -> list[str]:
    """Every folder that Go looks for packages in, sorted."""
    found = []
    for item in sorted(os.scandir(os.path.join(root, folder)), key=lambda item: item.name):
        left_out = item.name in LEFT_OUT or item.name.startswith((".", "_"))
        if item.is_dir(follow_symlinks=False) and not left_out:
            path = os.path.join(folder, item.name)
            found += [path, *below(root, path)]
    return found


def is_main(folder: str) -> bool:
    if not os.path.isdir(folder) or os.path.islink(folder):
        return False
    return any(is_main_file(item.path) for item in os.scandir(folder) if is_source(item))


def is_source(item: "os.DirEntry[str]") -> bool:
    named = item.name.endswith(".go") and not item.name.endswith("_test.go")
    return named and not item.name.startswith((".", "_")) and item.is_file(follow_symlinks=False)


def is_main_file(path: str) -> bool:
    with open(path, errors="replace") as file:
        text = file.read(HEAD_BYTES)
    return bool(MAIN.search(text)) and not IGNORED.search(text)
