"""Addresses that sources come from: what may be fetched, and how that is shown. Pure.

The tools that fetch (buildpacks/sources) judge each address once more, where it leads to
included; here is said early what can never be.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from paas.errors import UsageError

PORTS = {"http": 80, "https": 443, "ssh": 22}
# as scp has it: git@host:team/app.git
SHORT = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.][\w.-]*):[^/:\s]\S*", re.ASCII)
HOST = re.compile(r"(?P<host>[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9])?)(?::(?P<port>\d{1,5}))?")
REF = re.compile(r"[\w.][\w./+@-]{0,199}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where something is fetched from. host: with its port where that is not the usual one."""

    url: str
    host: str

    @property
    def shown(self) -> str:
        """Without what may be a signature."""
        return plain(self.url)

    @property
    def over_http(self) -> bool:
        return self.url.startswith(("http://", "https://"))


def repository(text: str) -> Address:
    """The address of a git repository: http, https or ssh, with no login in it."""
    if "://" not in text and (short := SHORT.fullmatch(text)):
        return Address(text, short["host"].lower())
    return split(text, ("http", "https", "ssh"), "https://git.example.com/team/app.git")


def archive(text: str) -> Address:
    """The address of an archive: http or https, with no login in it."""
    return split(text, ("http", "https"), "https://example.com/app.tar.gz")


def split(text: str, schemes: tuple[str, ...], example: str) -> Address:
    """An address of one of the schemes, or UsageError."""
    try:
        parts = urlsplit(text)
        known = parts.scheme in schemes and parts.hostname and not parts.hostname.startswith("-")
        port = parts.port
    except ValueError:
        known = False
    if not known or any(character.isspace() for character in text):
        raise UsageError(
            f"{plain(text)!r} is no address that is fetched from",
            f"{', '.join(schemes[:-1])} and {schemes[-1]} are spoken, such as {example}",
        )
    if parts.password is not None or (parts.username and parts.scheme != "ssh"):
        raise UsageError(
            f"the address of {parts.hostname} has a login in it, which logs would show",
            f"keep it apart: paas git:auth {parts.hostname} USER PASSWORD",
        )
    return Address(text, named(parts, port))


def named(parts: SplitResult, port: int | None) -> str:
    host = (parts.hostname or "").lower()
    return host if port in (None, PORTS[parts.scheme]) else f"{host}:{port}"


def plain(text: str) -> str:
    """An address as it may be shown: without login, and without what may be a signature."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return text[:80]
    if not parts.netloc:
        return text[:300]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))[:300]


def host(text: str) -> str:
    """`git.example.com` or `git.example.com:8443`, in lower case, or UsageError."""
    match = HOST.fullmatch(text.lower())
    if match and ".." not in text and (not match["port"] or 0 < int(match["port"]) < 65536):
        return text.lower()
    raise UsageError(
        f"{text[:80]!r} is not a host", "give its name alone, such as git.example.com or host:8443"
    )


def ref(text: str) -> str:
    """The name of a branch or tag, or a commit, or UsageError."""
    if REF.fullmatch(text) and ".." not in text and "@{" not in text:
        return text
    raise UsageError(f"{text[:80]!r} is not a branch, tag or commit")
