"""References to buildpacks: a name of ours, or where somebody else's comes from.

Pure. What people write for Heroku and dokku is understood: `heroku/python`, `someone/thing`
(which dokku takes for https://github.com/someone/heroku-buildpack-thing), a repository's
address with `#` and a branch, tag or commit, an archive's address, a folder of the server.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from paas.errors import PaasError
from paas.model.names import branch_name

LONGEST = 1024
ARCHIVE = re.compile(r"\.(?:tgz|tar|tar\.gz|tbz2?|tar\.bz2|txz|tar\.xz)$")
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
SHORT = re.compile(r"([a-z0-9][\w.-]*)/([a-z0-9][\w.-]*)", re.IGNORECASE | re.ASCII)
# names that Heroku gives to packs we have under another one
ALIASES = {"golang": "go", "jvm": "java"}
OFFICIAL = ("heroku", "heroku-community", "heroku-buildpacks")


class Kind(StrEnum):
    """Where a buildpack comes from."""

    OWN = "own"
    GIT = "git"
    ARCHIVE = "archive"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Reference:
    """One buildpack as somebody asked for it.

    address is an own pack's name, a URL or a path; revision what follows `#` in a git
    address: a branch, a tag or a commit, "" for the repository's own default.
    """

    kind: Kind
    address: str
    revision: str = ""

    @property
    def text(self) -> str:
        """As it is shown and kept."""
        return f"{self.address}#{self.revision}" if self.revision else self.address

    @property
    def pinned(self) -> bool:
        """Whether it names a commit, so that it can never mean another one."""
        return self.kind is Kind.GIT and COMMIT.fullmatch(self.revision) is not None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is kept of somebody else's buildpack: a commit's or an archive's files as a layer."""

    reference: str
    revision: str
    layer: str
    fetched_at: datetime


def parse(text: str, own: Collection[str]) -> Reference:
    """The reference that a text is; own are the names of the packs we have.

    Raises PaasError with what is wrong and what would do.
    """
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable() or " " in text:
        raise PaasError(f"{text[:80]!r} is not a buildpack", "give a name or an address")
    if text.startswith("/"):
        return folder(text)
    if "://" in text or re.match(r"[\w.-]+@[\w.-]+:", text):
        return address(text, own)
    return named(text, own)


def named(text: str, own: Collection[str]) -> Reference:
    """`python`, `heroku/python`, `heroku-buildpack-python`, or `someone/thing`."""
    if match := SHORT.fullmatch(text):
        organisation, name = match.groups()
        if organisation in OFFICIAL and own_name(name) in own:
            return Reference(Kind.OWN, own_name(name))
        return Reference(Kind.GIT, f"https://github.com/{organisation}/heroku-buildpack-{name}.git")
    name = own_name(text)
    if name in own:
        return Reference(Kind.OWN, name)
    known = ", ".join(sorted(own))
    raise PaasError(
        f"there is no buildpack {text[:80]!r} here",
        f"there are: {known}; another one is given by its address, such as https://...",
    )


def own_name(text: str) -> str:
    name = text.removesuffix(".git").removeprefix("heroku-buildpack-").removeprefix("buildpack-")
    return ALIASES.get(name, name)


def address(text: str, own: Collection[str]) -> Reference:
    """A URL: of Heroku's own repository (then ours is meant), of another one, of an archive."""
    url, _, revision = text.partition("#")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise PaasError(
            f"buildpacks are fetched by https or http, not from {text[:200]}",
            "give the repository's https:// address",
        )
    if "@" in parts.netloc:
        raise PaasError(
            f"the address of a buildpack must not hold a password: {parts.hostname}{parts.path}",
            "make the repository readable, or serve an archive of it to this machine",
        )
    if not parts.hostname:
        raise PaasError(f"{text[:200]!r} is not an address", "such as https://example.com/pack.git")
    if ARCHIVE.search(parts.path):
        if revision:
            raise PaasError(f"an archive has no {revision!r}", "leave out what follows the #")
        return Reference(Kind.ARCHIVE, url)
    if revision:
        branch_name(revision)
    elif official := our_name(parts.netloc, parts.path, own):
        return Reference(Kind.OWN, official)
    return Reference(Kind.GIT, url, revision)


def our_name(host: str, path: str, own: Collection[str]) -> str:
    """The name of our own pack when Heroku's repository is meant and no certain version of it."""
    if host.lower() not in ("github.com", "www.github.com"):
        return ""
    match = re.fullmatch(r"/([\w-]+)/(heroku-buildpack-[\w-]+?)(?:\.git)?/?", path)
    if match is None or match[1].lower() not in OFFICIAL:
        return ""
    name = own_name(match[2])
    return name if name in own else ""


def folder(text: str) -> Reference:
    """A folder of the server: an absolute path in its plainest form."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts or not parts:
        raise PaasError(f"{text[:200]!r} is not the path of a buildpack", "without any ..")
    return Reference(Kind.FOLDER, "/" + "/".join(parts))


def listed(text: str) -> tuple[str, ...]:
    """The lines of a .buildpacks file: one buildpack each; `#` at a line's start is a comment."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
