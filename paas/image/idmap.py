"""User namespaces that shift owners: one per set of ranges, kept while the process lives.

Touches: a short-lived child per new set. Source: user_namespaces(7).
"""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from paas.command import Runner
from paas.errors import PaasError
from paas.settings import UIDS_PER_SLOT

# first id inside, first id outside, how many
Range = tuple[int, int, int]
_namespaces: dict[tuple[Range, ...], int] = {}
_lock = threading.Lock()


def shift(stored_base: int, shown_base: int) -> int:
    """A descriptor of a namespace that shows stored_base+n as shown_base+n; never closed."""
    return shown(((stored_base, shown_base, UIDS_PER_SLOT),))


def shown(ranges: tuple[Range, ...]) -> int:
    """A descriptor of a namespace that shows ids stored as others; never closed.

    An id in none of the ranges is nobody's: it owns nothing anew, and nothing is its own.
    """
    with _lock:
        if ranges not in _namespaces:
            with namespace_of(ranges) as path:
                _namespaces[ranges] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return _namespaces[ranges]


def user_namespace(inside_base: int, outside_base: int) -> AbstractContextManager[Path]:
    """A new user namespace of 65,536 uids and gids, as a path valid within the block."""
    return namespace_of(((inside_base, outside_base, UIDS_PER_SLOT),))


@contextmanager
def namespace_of(ranges: tuple[Range, ...]) -> Iterator[Path]:
    """A new user namespace of these uids and gids, as a path valid within the block."""
    with waiting_child(("unshare", "--user", "cat")) as process:
        lines = "".join(f"{inside} {outside} {count}\n" for inside, outside, count in ranges)
        for name in ("uid_map", "gid_map"):
            (process / name).write_text(lines)
        yield process / "ns" / "user"


@contextmanager
def waiting_child(argv: tuple[str, ...]) -> Iterator[Path]:
    """The /proc directory of a child that has become `cat`, the last word of argv.

    Once it echoes, everything before cat in argv has happened; it ends with the block.
    """
    child = Runner().spawn(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdin and child.stdout and child.stderr  # noqa: S101, PT018 - pipes were asked for
    with child, child.stdout, child.stderr:
        with suppress(BrokenPipeError):
            os.write(child.stdin.fileno(), b"\n")
        try:
            if os.read(child.stdout.fileno(), 1) != b"\n":
                reason = child.stderr.read().decode(errors="replace").strip()
                raise PaasError(f"could not make a namespace: {reason or 'the child ended'}")
            yield Path(f"/proc/{child.pid}")
        finally:
            child.kill()
