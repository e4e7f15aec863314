"""deno.json, deno.lock and what else says how a Deno app is made and started."""

import json
import os
import re
from typing import Any

from lifecycle.say import Failure
from nodejs.manifest import exists, read

SIGNS = ("deno.json", "deno.jsonc", "deno.lock")
ENTRIES = (
    "main.ts", "server.ts", "index.ts", "app.ts", "mod.ts", "src/main.ts", "src/server.ts",
    "src/index.ts", "main.tsx", "main.js", "server.js", "main.mjs",
)  # fmt: skip
SERVES = re.compile(r"\bDeno\.serve\(|\.listen\(|\bserve\(")
DEFAULT_EXPORT = re.compile(r"^export default\b", re.MULTILINE)
VERSION = re.compile(r"v?(\d+(?:\.\d+){0,2})")
LINES = "2"  # the major version in use today
# a string, or what JSONC allows beyond JSON: comments, and a comma before a closing bracket
JSONC = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*[\s\S]*?\*/|,(?=\s*[}\]])')


def document(root: str, folder: str = "") -> dict[str, Any]:
    """The settings in deno.json or deno.jsonc; {} when there is neither. Or Failure."""
    for name in SIGNS[:2]:
        path = os.path.join(folder, name)
        if not exists(root, path):
            continue
        text = JSONC.sub(lambda match: match[1] or "", read(root, path))
        # a comment between a comma and its bracket leaves the comma for a second look
        text = JSONC.sub(lambda match: match[1] or "", text)
        try:
            value = json.loads(text)
        except ValueError as error:
            raise Failure(
                f"{path} is not valid JSON: {error}", "correct it and push again"
            ) from error
        if not isinstance(value, dict):
            raise Failure(f"{path} is not a JSON object", "it must begin with {")
        return value
    return {}


def seen(root: str) -> list[str]:
    """The files by which an app is a Deno app; none when it is Node that starts it."""
    found = [name for name in SIGNS if exists(root, name)]
    if exists(root, "package.json"):
        if not found or (node_starts(root) and "start" not in tasks(root)):
            return []
        return found
    if found:
        return found
    name = entry(root)
    return [name] if name and "Deno." in read(root, name) else []


def node_starts(root: str) -> bool:
    """Whether package.json starts the app with something that is not Deno."""
    try:
        scripts = json.loads(read(root, "package.json")).get("scripts") or {}
        return "deno" not in scripts.get("start", "deno")
    except (ValueError, AttributeError, TypeError):
        return False


def tasks(root: str) -> dict[str, str]:
    """The tasks of deno.json, each as its command."""
    value = document(root).get("tasks")
    found = {}
    for name, task in value.items() if isinstance(value, dict) else ():
        command = task.get("command", "") if isinstance(task, dict) else task
        if isinstance(command, str):
            found[name] = command
    return found


def entry(root: str) -> str:
    """The file that serves, when no task says; "" when there is none."""
    return next((name for name in ENTRIES if serves(read(root, name))), "")


def serves(text: str) -> bool:
    return bool(SERVES.search(text) or DEFAULT_EXPORT.search(text))


def version(root: str) -> str:
    """The version asked for: the version managers' files, else the newest of today's line."""
    for name in (".deno-version", ".dvmrc"):
        if text := read(root, name).strip():
            return checked(text, name)
    if match := re.search(r"^\s*deno\s+(\S+)", read(root, ".tool-versions"), re.MULTILINE):
        return checked(match[1], ".tool-versions")
    return LINES


def checked(text: str, name: str) -> str:
    if match := VERSION.fullmatch(text):
        return match[1]
    raise Failure(
        f"{name} says {text[:80]!r}, which is not a version of Deno",
        f"write a version such as {LINES} or {LINES}.5.0",
    )


def members(root: str) -> list[str]:
    """Folders of the workspace."""
    value = document(root).get("workspace")
    if isinstance(value, dict):
        value = value.get("members")
    listed = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    return [os.path.normpath(item) for item in listed if ".." not in item]


def key_files(root: str) -> list[str]:
    """Every file that says what is installed."""
    folders = ["", *members(root)]
    names = [os.path.join(one, name) for one in folders for name in (*SIGNS[:2], "package.json")]
    return [name for name in [*names, "deno.lock", ".npmrc"] if exists(root, name)]
