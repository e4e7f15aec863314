"""A plugin: its name, where it comes from, and what its plugin.toml says. Pure."""

import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from paas.errors import PaasError, UsageError

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
COMMAND = re.compile(r"[a-z0-9][a-z0-9-]{0,39}(?::[a-z0-9][a-z0-9-]{0,39})?")
COMMITTISH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+-]{0,200}")
HELP_LINE = re.compile(r"\s*([a-z0-9][a-z0-9:-]*)([^,]*)(?:,\s*(.*))?")
ARCHIVES = (".tar.gz", ".tgz", ".tar")
GIT_SCHEMES = ("https://", "http://", "git://", "ssh://", "git+ssh://")
SCHEMES = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
SCP_FORM = re.compile(r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^:]+")
LONGEST_S = 3600.0
SUMMARY_LENGTH = 200
# what a plugin may ask to be allowed when it calls paas
GRANTABLE = ("read", "write", "secrets")
PERMISSIONS = ("public", *GRANTABLE, "admin")  # of its own commands


class SourceKind(StrEnum):
    """How a plugin is fetched."""

    GIT = "git"
    ARCHIVE = "archive"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a plugin comes from; committish: which commit of a git repository, "" its newest."""

    kind: SourceKind
    address: str
    committish: str = ""


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """A command that a plugin brings: its name, arguments and a line of help; who may call it."""

    name: str
    usage: str = ""
    summary: str = ""
    permission: str = "admin"


@dataclass(frozen=True, slots=True)
class Plugin:
    """One that is installed, at one revision of its files."""

    id: int
    name: str
    source: Source
    revision: str
    enabled: bool
    installed_at: datetime
    commands: tuple[OwnCommand, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What plugin.toml says: dokku's [plugin], and [paas] of our own.

    may: what the plugin is allowed when it calls paas. timeout_s: the most a trigger of it may
    take, None as the instance has it. python: a module with hooks, in the plugin's folder.
    commands: permission and help of its commands, by their names.
    """

    description: str = ""
    version: str = ""
    may: tuple[str, ...] = GRANTABLE
    timeout_s: float | None = None
    python: str = ""
    commands: tuple[OwnCommand, ...] = ()


def plugin_name(text: str) -> str:
    """The text when it can be a plugin's name, or UsageError."""
    if NAME.fullmatch(text):
        return text
    raise UsageError(
        f"{text[:80]!r} is not a name for a plugin",
        "use lower-case letters, digits and dashes, at most 40",
    )


def source(text: str, committish: str = "") -> Source:
    """What an address means: a git repository, an archive, or a folder of this machine."""
    if not text.isprintable() or text.startswith("-"):
        raise UsageError("the address of a plugin is one line that begins with no dash")
    if committish and not COMMITTISH.fullmatch(committish):
        raise UsageError(f"{committish[:80]!r} is no tag, branch or commit")
    kind = kind_of(text)
    if committish and kind is not SourceKind.GIT:
        raise UsageError("--committish is for git repositories", "leave it out")
    return Source(kind, text.removeprefix("file://"), committish)


def kind_of(text: str) -> SourceKind:
    local = text.removeprefix("file://")
    if local.startswith("/"):
        return SourceKind.ARCHIVE if local.endswith(ARCHIVES) else SourceKind.FOLDER
    if text.startswith(("https://", "http://")) and text.endswith(ARCHIVES):
        return SourceKind.ARCHIVE
    if text.startswith(GIT_SCHEMES) or SCP_FORM.fullmatch(text):
        return SourceKind.GIT
    known = "https, http, git or ssh" if SCHEMES.match(text) else "a scheme or a / in front"
    raise UsageError(
        f"{text[:200]!r} is not where a plugin can be",
        f"give the address of a git repository or a .tar.gz ({known}), or a path",
    )


def name_of(origin: Source) -> str:
    """A plugin's name as its address has it: the last part, without dokku- before it."""
    last = PurePosixPath(origin.address.rstrip("/").replace(":", "/")).name
    for ending in (".git", *ARCHIVES):
        last = last.removesuffix(ending)
    name = last.removeprefix("dokku-").removeprefix("paas-")
    if NAME.fullmatch(name):
        return name
    raise UsageError(f"{last[:80]!r} is not a name for a plugin", "choose one: --name NAME")


# -- plugin.toml -------------------------------------------------------------------------


def manifest(text: str) -> Manifest:
    """What a plugin.toml says, or PaasError that names what is wrong in it."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PaasError(f"plugin.toml is not valid TOML: {error}") from error
    theirs, ours = table(document, "plugin"), table(document, "paas")
    return Manifest(
        description=line_of(theirs, "description", "plugin"),
        version=line_of(theirs, "version", "plugin"),
        may=grants(ours),
        timeout_s=seconds(ours),
        python=module(ours),
        commands=tuple(own_commands(table(ours, "commands", "paas."))),
    )


def table(document: dict[str, Any], key: str, within: str = "") -> dict[str, Any]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise PaasError(f"plugin.toml: {within}{key} is not a table")
    return value


def line_of(values: dict[str, Any], key: str, within: str) -> str:
    value = values.get(key, "")
    if isinstance(value, str) and value.isprintable() and len(value) <= SUMMARY_LENGTH:
        return value
    raise PaasError(f"plugin.toml: {within}.{key} is not one line of text")


def grants(ours: dict[str, Any]) -> tuple[str, ...]:
    asked = ours.get("may", list(GRANTABLE))
    if isinstance(asked, list) and all(one in GRANTABLE for one in asked):
        return tuple(asked)
    raise PaasError(f"plugin.toml: paas.may is a list of {', '.join(GRANTABLE)}, or an empty one")


def seconds(ours: dict[str, Any]) -> float | None:
    value = ours.get("timeout")
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST_S:
        return float(value)
    raise PaasError(f"plugin.toml: paas.timeout is a number of seconds up to {LONGEST_S:.0f}")


def module(ours: dict[str, Any]) -> str:
    value = ours.get("python", "")
    if value == "" or (isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_]+\.py", value)):
        return str(value)
    raise PaasError("plugin.toml: paas.python is the name of a .py file beside it")


def own_commands(values: dict[str, Any]) -> list[OwnCommand]:
    found = []
    for name, said in values.items():
        if not COMMAND.fullmatch(name) or not isinstance(said, dict):
            raise PaasError(f"plugin.toml: paas.commands.{name[:80]!r} is no table of a command")
        within = f"paas.commands.{name}"
        permission = said.get("permission", "admin")
        if permission not in PERMISSIONS:
            raise PaasError(f"plugin.toml: {within}.permission is one of public, read, write, "
                            "secrets, admin")  # fmt: skip
        usage, summary = line_of(said, "arguments", within), line_of(said, "help", within)
        found.append(OwnCommand(name, usage, summary, permission))
    return found


def own_command(one: OwnCommand) -> OwnCommand:
    """The same, when a plugin can bring it; PaasError."""
    if not COMMAND.fullmatch(one.name) or one.permission not in PERMISSIONS:
        raise PaasError(f"{one.name[:80]!r} is no command of a plugin")
    if max(len(one.usage), len(one.summary)) > SUMMARY_LENGTH:
        raise PaasError(f"the help of {one.name} is too long")
    return one


def helped(text: str) -> list[OwnCommand]:
    """The commands that the output of `commands help` tells of: `hello <app>, Says hello`."""
    found = []
    for line in text.splitlines():
        match = HELP_LINE.fullmatch(line)
        if match and COMMAND.fullmatch(match[1]) and match[3] is not None:
            usage = " ".join(match[2].split())[:SUMMARY_LENGTH]
            found.append(OwnCommand(match[1], usage, " ".join(match[3].split())[:SUMMARY_LENGTH]))
    return found
