"""Who may see an app: what a user, a password's hash and an address may be."""

import re
from ipaddress import ip_network

from paas.errors import UsageError

USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
HASH = re.compile(r"\$2[aby]\$(?:0[4-9]|1\d)\$[./A-Za-z0-9]{53}")
PASSWORD_BYTES = 72  # bcrypt looks at no more


def user_name(text: str) -> str:
    """A user's name: a word without a colon, RFC 7617."""
    if USER.fullmatch(text):
        return text
    raise UsageError(
        f"{text[:80]!r} is not a name for a user",
        "use letters, digits and . _ @ + -, at most 64, beginning with a letter or digit",
    )


def password(text: str) -> str:
    """A password that is looked at whole; the text is in no error."""
    if not text or "\0" in text:
        raise UsageError("a password is at least one character, and has no NUL in it")
    if len(text.encode()) > PASSWORD_BYTES:
        raise UsageError(f"a password has at most {PASSWORD_BYTES} bytes, or its end is ignored")
    return text


def password_hash(text: str) -> str:
    """A bcrypt hash as it is kept."""
    if HASH.fullmatch(text):
        return text
    raise UsageError("that is not a bcrypt hash", "it begins with $2b$, $2a$ or $2y$")


def address(text: str) -> str:
    """An address or a network, in its usual form."""
    try:
        return str(ip_network(text)).removesuffix("/32").removesuffix("/128")
    except ValueError as error:
        raise UsageError(
            f"{text[:80]!r} is not an address or a network: {error}",
            "write it as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32",
        ) from None
