"""Cargo.toml, its lock file, and the file that says which Rust (rustup's book, "Overrides")."""

import os
import re
import tomllib
from typing import Any

from lifecycle import suite
from lifecycle.say import Failure

DEBIAN = suite.versions().rust
TOOLCHAIN_FILES = ("rust-toolchain.toml", "rust-toolchain")
CHANNEL = re.compile(r"stable|beta|nightly(-\d{4}-\d\d-\d\d)?|\d+\.\d+(\.\d+)?")


class Toolchain:
    """The Rust asked for, and the file that asks for it, if any."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.in_debian = text == "stable" or text.startswith(f"{DEBIAN}.") or text == DEBIAN


def exists(root: str, name: str) -> bool:
    return os.path.isfile(os.path.join(root, name))


def read(root: str, name: str) -> dict[str, Any]:
    """A TOML file, or Failure."""
    try:
        with open(os.path.join(root, name), "rb") as file:
            return tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{name} cannot be read: {error}", "correct it and push again") from error


def require_lock(root: str) -> None:
    """Without Cargo.lock every build would have other crates."""
    read(root, "Cargo.toml")
    if not exists(root, "Cargo.lock"):
        raise Failure(
            "there is no Cargo.lock",
            "run cargo generate-lockfile, take Cargo.lock out of .gitignore, and commit it",
        )


def toolchain(root: str) -> Toolchain:
    """The channel of rust-toolchain.toml, or of the older file of one line; else stable."""
    for name in TOOLCHAIN_FILES:
        if exists(root, name):
            channel = declared(root, name)
            if not CHANNEL.fullmatch(channel):
                raise Failure(
                    f"{name} asks for {channel[:80]!r}, which is not a version of Rust",
                    f'write channel = "{DEBIAN}", or another version, or remove the file',
                )
            return Toolchain(channel, name)
    return Toolchain("stable", "")


def declared(root: str, name: str) -> str:
    with open(os.path.join(root, name), errors="replace") as file:
        text = file.read(4096).strip()
    if "[toolchain]" not in text:
        return text
    table = read(root, name).get("toolchain")
    return str(table.get("channel", "stable")) if isinstance(table, dict) else "stable"


def names(root: str) -> list[str]:
    """What the package calls the program to run, and itself."""
    package = read(root, "Cargo.toml").get("package")
    if not isinstance(package, dict):
        return []
    return [str(package[key]) for key in ("default-run", "name") if key in package]
