"""A push as git hands it to the hook, and what a commit's tree holds."""

import json
from dataclasses import asdict, dataclass, field

NOTHING = "0" * 40  # git's commit id for a branch that is not there


@dataclass(frozen=True, slots=True)
class Update:
    """One line of pre-receive's input (githooks(5))."""

    old: str
    new: str
    ref: str

    @property
    def branch(self) -> str:
        return self.ref.removeprefix("refs/heads/")


@dataclass(frozen=True, slots=True)
class Push:
    """One branch moving from `old` to `new` (full commit ids; zeros: there was none).

    environment carries git's quarantine variables (git-receive-pack(1)): without them
    nobody sees the pushed objects until the hook has said yes.
    """

    app: str
    branch: str
    old: str
    new: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def moves(self) -> bool:
        """Whether a branch moves: not when what is deployed is built again."""
        return self.old != self.new


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a branch is to be moved, since that commit serves already."""

    branch: str
    commit: str

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.branch}"

    def encode(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> "Landing":
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One file of a commit, as `git ls-tree -r --long` lists it.

    mode is git's six octal digits: 100644, 100755, 120000 (symbolic link) or
    160000 (submodule, whose size is 0).
    """

    mode: str
    oid: str
    size: int
    path: str
