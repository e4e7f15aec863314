"""Which Debian the stack is, and which versions of the languages that one has.

An image in the stack's place, or a suite that is not known here, is taken to be as the usual
stack's.
"""

import re
from typing import NamedTuple

RELEASE = "/etc/os-release"
CODENAME = re.compile(r'^VERSION_CODENAME="?([a-z]+)"?$', re.MULTILINE)
USUAL = "trixie"


class Versions(NamedTuple):
    """What Debian's packages of a suite bring; java: all that there are, oldest first."""

    php: str
    ruby: str
    rust: str
    java: tuple[int, ...]


KNOWN = {
    "bookworm": Versions(php="8.2", ruby="3.1", rust="1.63", java=(17,)),
    "trixie": Versions(php="8.4", ruby="3.3", rust="1.85", java=(21, 25)),
}


def versions(release: str = RELEASE) -> Versions:
    """Those of the Debian that this runs in."""
    return KNOWN.get(codename(release), KNOWN[USUAL])


def codename(release: str = RELEASE) -> str:
    """`bookworm`; "" where os-release does not say."""
    try:
        with open(release, errors="replace") as file:
            match = CODENAME.search(file.read(1 << 16))
    except OSError:
        return ""
    return match[1] if match else ""
