"""An archive as a worker opens it, by its order."""

from collections.abc import Mapping
from typing import IO, Any

from paas.backup.archive import Bounds, Reader
from paas.backup.head import Head
from paas.backup.stream import Inlet


def opened(order: Mapping[str, Any], sums: IO[bytes]) -> Reader:
    """The archive of an order, at its begin."""
    inlet = Inlet(order["archive"], order["passphrase"])
    return Reader(inlet, sums, Bounds(*order["bounds"]))


def described(head: Head) -> str:
    """`the backup of 3 apps, made 2026-01-31T12:00:00Z on shop`."""
    what = f"app {head.apps[0].name}" if len(head.apps) == 1 else f"{len(head.apps)} apps"
    return f"the backup of {what}, made {head.created_at[:20]} on {head.host[:60]}"
