"""Who asks: the identity a door has established, and what its roles allow."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do. `hook` is git's own hooks and can do nothing else."""

    ADMIN = "admin"
    HOOK = "hook"


@dataclass(frozen=True, slots=True)
class Caller:
    """A door's answer to "who is this": the key's name over SSH, the user's name locally."""

    name: str
    door: str  # "ssh", "local" or "hook"
    roles: frozenset[Role]
    fingerprint: str = ""
