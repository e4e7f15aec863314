"""Where branches are, read from the repository's files: a report would wait longer for git itself.

Touches: refs/heads and packed-refs, read-only, no link followed. Source: gitrepository-layout(5),
git-pack-refs(1). A branch that is being packed is in both for a moment, and a file of its own
counts.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

HEADS = "refs/heads/"
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
REF_BYTES, PACKED_BYTES = 256, 64 << 20


def branches(repository: Path) -> dict[str, str]:
    """Branch names and the commits they are at; {} where there is no repository."""
    loose = dict(own_files(repository / "refs" / "heads"))  # first: git packs before it removes
    return packed(repository / "packed-refs") | loose


def own_files(heads: Path) -> list[tuple[str, str]]:
    """Branches that have a file of their own."""
    found = []
    for folder, _, names in os.walk(heads):
        for name in names:
            path = Path(folder, name)
            commit = text_of(path, REF_BYTES).strip()
            if COMMIT.fullmatch(commit):
                found.append((path.relative_to(heads).as_posix(), commit))
    return found


def packed(file: Path) -> dict[str, str]:
    """Branches of packed-refs: a commit and a name a line, beside what is said of tags."""
    found = {}
    for line in text_of(file, PACKED_BYTES).splitlines():
        commit, _, name = line.partition(" ")
        if name.startswith(HEADS) and COMMIT.fullmatch(commit):
            found[name.removeprefix(HEADS)] = commit
    return found


def text_of(file: Path, most: int) -> str:
    """A regular file's text; "" when there is none."""
    with suppress(OSError):
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            return opened.read(most).decode(errors="replace")
    return ""
