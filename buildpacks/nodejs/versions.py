"""Which Node.js an app asks for: package.json, then the files of version managers."""

import re

from lifecycle import say
from lifecycle.say import Failure

from nodejs import manifest
from nodejs.manifest import Package

FILES = (".node-version", ".nvmrc")
VERSION = re.compile(r"v?(\d+(?:\.\d+){0,2})")
RANGE = re.compile(r"[0-9A-Za-z.*<>=^~| \-+]{1,100}")
# nvm's names; the newest long-term release is the stack's own
NEWEST = ("node", "stable", "latest", "current", "*")
LONG_TERM = ("lts", "lts/*", "lts/-0")
CODENAMES = {
    "argon": "4", "boron": "6", "carbon": "8", "dubnium": "10", "erbium": "12", "fermium": "14",
    "gallium": "16", "hydrogen": "18", "iron": "20", "jod": "22", "krypton": "24",
}  # fmt: skip
TOOLS = re.compile(r"^\s*(?:nodejs|node)\s+v?(\d+(?:\.\d+){0,2})\b", re.MULTILINE)


def node_range(package: Package) -> str:
    """The range of Node asked for; `*` when nothing says, and the stack's own will do."""
    return wanted(package)[0]


def wanted(package: Package) -> tuple[str, str]:
    """The range, and where it is from ("" when nothing says)."""
    for table, where in (("engines", "engines.node"), ("volta", "volta.node")):
        if text := package.table(table).get("node", ""):
            return checked_range(text, where), where
    for name in FILES:
        lines = manifest.read(package.root, name).split("\n")
        if text := lines[0].split("#")[0].strip():
            if found := of_manager(text):
                return found, name
            say.detail(f"{name} says {text[:40]!r}, which is not a version number: left aside")
    if match := TOOLS.search(manifest.read(package.root, ".tool-versions")):
        return match[1], ".tool-versions"
    return "*", ""


def of_manager(text: str) -> str:
    """The range for a version or a name in nvm's manner; "" for anything else."""
    if match := VERSION.fullmatch(text):
        return match[1]
    if text in NEWEST or text in LONG_TERM:
        return "*"
    return CODENAMES.get(text.removeprefix("lts/").lower(), "")


def checked_range(text: str, key: str) -> str:
    """The range with single spaces, or Failure."""
    wanted = " ".join(text.split())
    if RANGE.fullmatch(wanted):
        return re.sub(r"^v(?=\d)", "", wanted)
    raise Failure(
        f"package.json: {key} is {text[:80]!r}, which is not a version range",
        'write a range such as "24.x"',
    )
