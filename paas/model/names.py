"""Which names are allowed, and the sentence that says why one is not."""

import re

from paas.errors import PaasError, UsageError

APP = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
ENV_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
PROCESS = LABEL
RESERVED_APPS = {"tls"}
RESERVED_NETWORKS = ("bridge", "host", "none")  # Docker's own
RESERVED_WORDS = ", ".join(RESERVED_NETWORKS)


def app_name(text: str) -> str:
    """The name, or UsageError: lower-case letters, digits, dashes and dots inside, at most 63."""
    if (
        APP.fullmatch(text)
        and ".." not in text
        and text not in RESERVED_APPS
        and not text.endswith(".git")
    ):
        return text
    raise UsageError(
        f"App name {text[:80]!r} is not allowed",
        "use lower-case letters, digits, dashes and inner dots, at most 63, "
        "beginning and ending with a letter or digit",
    )


def network_name(text: str) -> str:
    """The name of a network that apps share, or UsageError."""
    if LABEL.fullmatch(text) and text not in RESERVED_NETWORKS:
        return text
    raise UsageError(
        f"Network name {text[:80]!r} is not allowed",
        f"use lower-case letters, digits and dashes, at most 63; not {RESERVED_WORDS}",
    )


def domain_name(text: str) -> str:
    """The domain in lower case, punycoded, without a trailing dot; a leading `*.` is allowed."""
    try:
        ascii_text = text.rstrip(".").lower().encode("ascii" if text.isascii() else "idna").decode()
    except UnicodeError as error:
        raise UsageError(f"{text[:80]!r} is not a domain name") from error
    labels = ascii_text.removeprefix("*.").split(".")
    if len(ascii_text) <= 253 and all(LABEL.fullmatch(label) for label in labels):
        return ascii_text
    raise UsageError(
        f"{text[:80]!r} is not a domain name",
        "a domain is made of letters, digits and dashes between dots, such as blog.example.com",
    )


def env_key(text: str) -> str:
    """The environment variable's name, or UsageError."""
    if ENV_KEY.fullmatch(text):
        return text
    raise UsageError(
        f"{text[:80]!r} is not a name for an environment variable",
        "use letters, digits and underscores, not beginning with a digit",
    )


def process_type(text: str) -> str:
    """The process type (an RFC 1123 label), or UsageError."""
    if PROCESS.fullmatch(text):
        return text
    raise UsageError(
        f"{text[:80]!r} is not a process type",
        "use lower-case letters, digits and dashes, such as web or worker",
    )


def tree_path(text: str) -> str:
    """A path within a repository, without `.`, `..` and doubled slashes, or UsageError."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if parts and ".." not in parts and not text.startswith("/") and text.isprintable():
        return "/".join(parts)
    raise UsageError(
        f"{text[:80]!r} is not a path within a repository",
        "give it from the repository's top, such as services/api",
    )


def branch_name(text: str) -> str:
    """A git branch name by the rules of git-check-ref-format, or PaasError."""
    bad = re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//", text)
    if bad or not text or text[0] in "-/." or text.endswith(("/", ".", ".lock")):
        raise PaasError(f"{text[:80]!r} is not a branch name")
    return text
