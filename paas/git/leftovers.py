"""What git leaves when it ends before its time: objects nobody took, and git itself.

Touches: <repository>/objects, and processes of the git user.
Source: git-receive-pack(1), "Quarantine environment"; git's tmp-objdir.c for its order.
"""

import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from paas.image.durable import sync_directory
from paas.polling import readable

# a dead daemon's git finds its pipes closed and ends; what does not, is ended
END_S = 0.5
LOOSE = re.compile(r"[0-9a-f]{2}")
# as git does it: whoever sees the last one finds the others
PACKED = (".pack", ".rev", ".idx")


def quarantines(repository: Path) -> list[Path]:
    """Where git keeps what is pushed until its hook has said yes, one a push."""
    return list(repository.glob("objects/*incoming-*"))


# -- objects taken before git takes them --------------------------------------------------


def link_objects(quarantine: Path, objects: Path, owner: int) -> None:
    """Have pushed objects in the repository durably; git finds them there, and goes on.

    Never undone: a later push may have left out what it saw here. What no branch comes
    to need, git's own collection takes.
    """
    changed = {objects}
    for path in in_order(quarantine):
        folder = objects / path.parent.name
        if not folder.is_dir():
            folder.mkdir(mode=0o755)
            os.chown(folder, owner, owner)
        with suppress(FileExistsError):
            os.link(path, folder / path.name, follow_symlinks=False)
            changed.add(folder)
    for folder in changed:
        sync_directory(folder)


def in_order(quarantine: Path) -> Iterator[Path]:
    """Object files of a quarantine; a pack before its index."""
    for folder in sorted(quarantine.iterdir()):
        if LOOSE.fullmatch(folder.name):
            yield from folder.iterdir()
    packed = [one for one in (quarantine / "pack").glob("pack-*") if one.suffix in PACKED]
    yield from sorted(packed, key=lambda one: PACKED.index(one.suffix))


# -- processes ------------------------------------------------------------------------------


def end_processes(user: int, root: Path, patience_s: float = END_S) -> int:
    """Wait for a user's processes that work below root, then end them; how many there were."""
    with ExitStack() as opened:
        found = []
        for pid in processes_of(user, root):
            with suppress(ProcessLookupError):
                found.append(os.pidfd_open(pid))
                opened.callback(os.close, found[-1])
        for one in running(found, patience_s):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(one, signal.SIGKILL)
        running(found, patience_s)
        return len(found)


def processes_of(user: int, root: Path) -> list[int]:
    """Pids of what a user runs in a directory below root, or with a path below it as argument."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                if entry.stat().st_uid == user and works_in(entry.path, os.fsencode(root)):
                    found.append(int(entry.name))
    return found


def works_in(process: str, root: bytes) -> bool:
    place = os.fsencode(os.readlink(f"{process}/cwd"))  # noqa: PTH115 - proc(5), no real link
    return place.startswith(root + b"/") or root + b"/" in Path(process, "cmdline").read_bytes()


def running(processes: Sequence[int], patience_s: float) -> set[int]:
    """Those of some pidfds whose processes go on after patience_s."""
    left = set(processes)
    deadline = time.monotonic() + patience_s
    while left:
        ready = readable(left, deadline - time.monotonic())
        if not ready:
            break
        left -= ready
    return left
