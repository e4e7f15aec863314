"""Gemfile and Gemfile.lock: which Ruby, which gems, and all files that this depends on."""

import glob
import os
import re

from lifecycle import say, suite
from lifecycle.say import Failure
from lifecycle.text import read

DEBIAN = suite.versions().ruby
LOCKED = re.compile(r"^RUBY VERSION\n\s+ruby (\d+\.\d+\.\d+)", re.MULTILINE)
DECLARED = re.compile(r"""^\s*ruby\s+["']\s*([~>=<]*)\s*(\d+\.\d+(?:\.\d+)?)["']""", re.MULTILINE)
VERSION = re.compile(r"(?:ruby-)?(\d+\.\d+(?:\.\d+)?)")
LOCAL = re.compile(r"""^\s*gemspec\b|\bpath(?::|\s*=>)\s*["']""", re.MULTILINE)
GEM = re.compile(r"^ {4}([\w.-]+) \(", re.MULTILINE)
SETTINGS = (".ruby-version", ".tool-versions", ".bundle/config")
CACHE = "vendor/cache/"


class Ruby:
    """The Ruby asked for, and the file that asks for it; Debian's own has no patch release."""

    def __init__(self, text: str, file: str) -> None:
        self.asked = text
        self.file = file
        self.in_debian = text == DEBIAN or text.startswith(f"{DEBIAN}.")
        # patch releases of Debian's version follow Debian
        self.text = DEBIAN if self.in_debian else text


def exists(root: str, name: str) -> bool:
    return os.path.isfile(os.path.join(root, name))


def require_lock(root: str) -> None:
    if not exists(root, "Gemfile.lock"):
        raise Failure(
            "there is a Gemfile, but no Gemfile.lock",
            "run bundle install, take Gemfile.lock out of .gitignore, and commit it",
        )


def ruby(root: str) -> Ruby:
    """What the lock file was made with, else what the Gemfile or .ruby-version says."""
    if match := LOCKED.search(read(root, "Gemfile.lock")):
        return Ruby(match[1], "Gemfile.lock")
    if match := DECLARED.search(read(root, "Gemfile")):
        open_ended = ">" in match[1] and match[2].split(".") <= DEBIAN.split(".")
        return Ruby(DEBIAN if open_ended else match[2], "Gemfile")
    if text := read(root, ".ruby-version").strip():
        match = VERSION.fullmatch(text)
        if match is None:
            raise Failure(
                f".ruby-version says {text[:80]!r}, which is not a version of Ruby",
                f"write a version such as {DEBIAN} on its only line",
            )
        return Ruby(match[1], ".ruby-version")
    return Ruby(DEBIAN, "")


def gems(root: str) -> set[str]:
    """Names of all gems in the lock file."""
    return set(GEM.findall(read(root, "Gemfile.lock")))


def key_files(root: str) -> list[str]:
    """Every file that decides which gems there are; the whole tree with gems from paths."""
    if LOCAL.search(read(root, "Gemfile")):
        say.detail("gems come from this repository too: looked at anew on every push")
        return ["."]
    files = ["Gemfile", "Gemfile.lock", *(name for name in SETTINGS if exists(root, name))]
    if glob.glob(f"{CACHE}*.gem", root_dir=root):
        files.append(CACHE)
    return files
