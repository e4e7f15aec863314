"""User and network namespaces kept alive as files, and work done inside one.

Touches: bind mounts (through image/mounts), short-lived children, and threads that
enter a network namespace and end there. Source: namespaces(7), setns(2).
"""

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from paas.image import idmap, mounts

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NETWORK = 0x40000000
Result = TypeVar("Result")


def pinned(path: Path) -> bool:
    """Whether a namespace is kept there: the file alone may be left from before a reboot."""
    try:
        return path.stat().st_dev == Path("/proc/self/ns/net").stat().st_dev
    except FileNotFoundError:
        return False


def pin_user_namespace(path: Path, uid_base: int) -> None:
    """Make a user namespace whose uid and gid 0 are uid_base outside, and keep it at path."""
    mounts.unpin(path)
    with idmap.user_namespace(0, uid_base) as namespace:
        mounts.pin(namespace, path)


def pin_network_namespace(path: Path, user_namespace: Path) -> None:
    """Make an empty network namespace owned by a user namespace, and keep it at path.

    It takes a child: only a process of one thread may enter a user namespace.
    """
    mounts.unpin(path)
    argv = ("nsenter", f"--user={user_namespace}", "--", "unshare", "--net", "cat")
    with idmap.waiting_child(argv) as process:
        mounts.pin(process / "ns" / "net", path)


def inside(network_namespace: Path, work: Callable[[], Result]) -> Result:
    """Call work in a network namespace, on a thread of its own, and return what it returns."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def enter() -> None:
        try:
            with network_namespace.open("rb") as file:
                if LIBC.setns(file.fileno(), NEW_NETWORK) < 0:
                    number = ctypes.get_errno()
                    raise OSError(number, os.strerror(number), str(network_namespace))
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            errors.append(error)

    thread = threading.Thread(target=enter, name="network namespace", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
