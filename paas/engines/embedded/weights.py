"""Weights: who gets the processors when there are too few of them.

All containers of the instance together weigh twice as much as any other program of the
machine, and what starts them (git, runc) a sixth of that, so that apps answer meanwhile. They
weigh no more, because starting ones and builds are among them: where those alone want a
processor they have the weight of all, against the proxy that has requests for others. A new
app container weighs as little as a build until it is promoted: starting is the most work many
apps ever do, and those who serve go first. Touches cgroups of the cpu controller, v1 or v2.
Sources: Linux's scheduler/sched-design-CFS.rst and admin-guide/cgroup-v2.rst; runc's
conversion of shares.
"""

from contextlib import suppress

from paas.engines.embedded.cgroups import Cgroups
from paas.engines.embedded.hierarchies import ROOT, write

APPS_SHARES = 2048  # of all containers; a program of the host has 1024
DEFAULT_SHARES = 1024
DEFAULT_WEIGHT = 100  # what v2 calls 1024, where nobody converts
LEAST_WEIGHT, MOST_WEIGHT = 1, 10_000


class Weights:
    """The weights of one instance's cgroups."""

    def __init__(self, cgroups: Cgroups) -> None:
        self._cgroups = cgroups
        self._root = cgroups.hierarchies.by_controller.get("cpu", ROOT)

    def favour(self) -> None:
        """Have containers together weigh what they should. Idempotent.

        Where the controller is not there yet, on a v2 machine before runc made the first
        container, nothing happens.
        """
        parent = self._root / self._cgroups.name
        with suppress(OSError):
            parent.mkdir(exist_ok=True)
        if self._cgroups.hierarchies.only_unified:
            write(parent / "cpu.weight", str(DEFAULT_WEIGHT * APPS_SHARES // DEFAULT_SHARES))
        else:
            write(parent / "cpu.shares", str(APPS_SHARES))

    def give(self, container_id: str, shares: int) -> bool:
        """Have a container weigh so much among the others; False when it is gone."""
        directory = self._root / self._cgroups.name / container_id
        if self._cgroups.hierarchies.only_unified:
            return write(directory / "cpu.weight", str(weight(shares)))
        return write(directory / "cpu.shares", str(shares))


def weight(shares: int) -> int:
    """The cpu.weight (1 to 10,000) that runc makes of shares (2 to 262,144)."""
    return min(MOST_WEIGHT, max(LEAST_WEIGHT, 1 + (shares - 2) * 9999 // 262_142))
