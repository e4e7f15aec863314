"""Who asks: the identity a door has established, and what its roles allow."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do. `hook` is git's own hooks and can do nothing else.

    `plugin` is an installed plugin; what it may is said with it.
    """

    ADMIN = "admin"
    HOOK = "hook"
    PLUGIN = "plugin"


@dataclass(frozen=True, slots=True)
class Caller:
    """A door's answer to "who is this": the key's name over SSH, the user's name locally."""

    name: str
    door: str  # "ssh", "local", "hook" or "plugin"
    roles: frozenset[Role]
    fingerprint: str = ""
    may: tuple[str, ...] = ()  # a plugin: what its plugin.toml asks for, and root has installed
